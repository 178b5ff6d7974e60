package function

import "github.com/ebb-faas/ebb/internal/ebb"

// checkMounts checks that the folders the version asks for are offered to it.
func (f *Functions) checkMounts(v *ebb.Version) error {
	wishes, err := ebb.ParseMounts(v.Setting(ebb.EnvMounts))
	if err != nil {
		return invalid("Environment.Variables.%s: %w", ebb.EnvMounts, err)
	}
	if err := ebb.CheckFileSystems(v.FileSystems, wishes); err != nil {
		return invalid("%w", err)
	}
	for _, m := range v.Mounts() {
		switch o := m.Offer(f.cfg.Mounts, v.FunctionKey); {
		case o == nil && m.AccessPoint != "":
			return invalid("FileSystemConfigs: no folder with the access point %s is offered to this function", m.AccessPoint)
		case o == nil:
			return invalid("Environment.Variables.%s: no folder called %s is offered to this function", ebb.EnvMounts, m.Name)
		case m.Writable && o.ReadOnly:
			return invalid("Environment.Variables.%s: %s is offered for reading only", ebb.EnvMounts, m.Name)
		}
	}
	return nil
}
