package pool

import (
	"cmp"
	"fmt"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/sandbox"
)

// folders are the mounts that a version asks for, as the platform offers them
// now. One that is offered no more keeps the version from starting: without it
// the function would work on nothing.
func (p *Pool) folders(v *ebb.Version) ([]sandbox.Mount, error) {
	var list []sandbox.Mount
	for _, m := range v.Mounts() {
		o := m.Offer(p.cfg.Mounts, v.FunctionKey)
		if o == nil || m.Writable && o.ReadOnly {
			return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
				"%s: the folder %s is not offered to function %s any more", ebb.EnvMounts, cmp.Or(m.Name, m.AccessPoint), v.Name)
		}
		folder := sandbox.Folder{NoExec: o.NoExec}
		if uid, gid, ok := o.OwnerIDs(); ok {
			folder.Owned, folder.UID, folder.GID = true, uid, gid
		}
		writable := m.Writable || m.AccessPoint != "" && !o.ReadOnly
		list = append(list, sandbox.Mount{Source: o.Source, Target: m.Path, Writable: writable, Folder: &folder})
	}
	return list, nil
}

// noFolder tells the function, and who calls it, which of its folders cannot be had.
// Where that lies on the host is in ebb's own log only.
func (in *instance) noFolder(e *sandbox.FolderError) error {
	why := fmt.Sprintf("the folder of %s cannot be opened: %v", e.Target, e.Err)
	in.append(logs.Platform, "", "", []byte("MOUNT "+why))
	in.pool.deps.Log.Error("a folder cannot be opened", "function", in.shelf.fleet.key.String(), "source", e.Source, "error", e.Err)
	return ebb.Errorf(ebb.Unavailable, ebb.TypeSandboxUnavailable, "%s: %s", ebb.EnvMounts, why)
}
