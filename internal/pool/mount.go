package pool

import (
	"slices"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/sandbox"
)

// folders are the mounts that a version asks for, as the platform offers them
// now. One that is offered no more keeps the version from starting: without it
// the function would work on nothing.
func (p *Pool) folders(v *ebb.Version) ([]sandbox.Mount, error) {
	var list []sandbox.Mount
	for _, m := range v.Mounts() {
		i := slices.IndexFunc(p.cfg.Mounts, func(o ebb.MountOffer) bool {
			return o.Name == m.Name && o.OfferedTo(v.FunctionKey) && !(m.Writable && o.ReadOnly)
		})
		if i < 0 {
			return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
				"%s: the folder %s is not offered to function %s any more", ebb.EnvMounts, m.Name, v.Name)
		}
		o := &p.cfg.Mounts[i]
		folder := sandbox.Folder{NoExec: o.NoExec}
		if uid, gid, ok := o.OwnerIDs(); ok {
			folder.Owned, folder.UID, folder.GID = true, uid, gid
		}
		list = append(list, sandbox.Mount{Source: o.Source, Target: m.Path, Writable: m.Writable, Folder: &folder})
	}
	return list, nil
}
