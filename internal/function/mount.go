package function

import (
	"slices"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// checkMounts checks that the folders the version asks for are offered to it.
func (f *Functions) checkMounts(v *ebb.Version) error {
	wishes, err := ebb.ParseMounts(v.Setting(ebb.EnvMounts))
	if err != nil {
		return invalid("Environment.Variables.%s: %w", ebb.EnvMounts, err)
	}
	for _, m := range wishes {
		i := slices.IndexFunc(f.cfg.Mounts, func(o ebb.MountOffer) bool { return o.Name == m.Name })
		switch {
		case i < 0 || !f.cfg.Mounts[i].OfferedTo(v.FunctionKey):
			return invalid("Environment.Variables.%s: no folder called %s is offered to this function", ebb.EnvMounts, m.Name)
		case m.Writable && f.cfg.Mounts[i].ReadOnly:
			return invalid("Environment.Variables.%s: %s is offered for reading only", ebb.EnvMounts, m.Name)
		}
	}
	return nil
}
