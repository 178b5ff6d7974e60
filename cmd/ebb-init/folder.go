//go:build linux

package main

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// outside is what ebb-init is for when it is not PID 1 of a box: to become a zygote
// or the process of an image's user, or to open a folder of the host in a process of its own, that ebb can give up if
// the folder's server is gone. Without a question it is a process whose user namespace somebody looks at. It
// does not return.
func outside(ctl *control) {
	if _, err := unix.GetsockoptInt(ctl.fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil {
		const line = "ebb-init is started by ebb, as PID 1 of a box\n"
		_, _ = syscall.Write(2, []byte(line))
		syscall.Exit(2)
	}
	message, _ := ctl.receive()
	if initproto.KindOf(message) == initproto.KindSetup {
		ctl.send(become(ctl, message).Encode())
		syscall.Exit(1)
	}
	if initproto.KindOf(message) == initproto.KindStart {
		ctl.send(becomeUser(message).Encode())
		syscall.Exit(1)
	}
	var m initproto.Folder
	if !m.Decode(message) {
		syscall.Exit(1)
	}
	tree, err := openFolder(m.Source)
	if err != nil {
		ctl.send((&initproto.Dialed{ID: m.ID, Errno: failed("", "", err).Errno}).Encode())
	} else {
		ctl.send((&initproto.Dialed{ID: m.ID}).Encode(), tree)
	}
	syscall.Exit(0)
}

// openFolder makes a detached mount of one directory. No link leads there:
// whoever may write to a folder above could have put it there.
func openFolder(source string) (int, error) {
	dir, err := unix.Openat2(unix.AT_FDCWD, source, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return -1, err
	}
	return unix.OpenTree(dir, "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
}
