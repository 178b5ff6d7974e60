//go:build linux

package main

import (
	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// attachAll puts detached mounts on places that the box was made with. If its
// process runs already it is taken to what covers its directory now, and the
// privileges that were kept for all this go afterwards.
//
// The calling thread may be the one whose children are confined, and then it is
// confined too: the work is done on another. The Go runtime makes its threads
// from one that was never touched.
func attachAll(targets []string, mounts []int, child process) *initproto.Failed {
	done := make(chan *initproto.Failed)
	go func() {
		root, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC|unix.O_DIRECTORY, 0)
		if err != nil {
			done <- failed("open", "/", err)
			return
		}
		defer func() { _ = unix.Close(root) }()
		for i, path := range targets {
			if f := place(tree{root}, path, mounts[i]); f != nil {
				done <- f
				return
			}
		}
		if child.dir != "" {
			if err := unix.Chdir(child.dir); err != nil {
				done <- failed("enter", child.dir, err)
				return
			}
		}
		done <- nil
	}()
	if f := <-done; f != nil || child == noChild {
		return f
	}
	return shedCapabilities()
}
