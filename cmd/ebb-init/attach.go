//go:build linux

package main

import (
	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// attachAll puts detached mounts on places that the box was made with. If its
// process runs already it is taken to what covers its directory now, and the
// privileges that were kept for all this go afterwards.
func attachAll(a *initproto.Attach, mounts []int, child process) *initproto.Failed {
	root, err := openDir("/")
	if err != nil {
		return failed("open", "/", err)
	}
	defer func() { _ = unix.Close(root) }()
	for i, path := range a.Targets {
		if f := place(tree{fd: root}, path, mounts[i]); f != nil {
			return f
		}
	}
	if child.dir != "" {
		if err := unix.Chdir(child.dir); err != nil {
			return failed("enter", child.dir, err)
		}
	}
	if child == noChild || a.Early {
		return nil
	}
	return shedCapabilities()
}
