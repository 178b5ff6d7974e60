//go:build linux

package linux

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// hosts is every box's /etc/hosts. Extensions made for Lambda look for themselves
// under sandbox.localdomain.
const hosts = "127.0.0.1 localhost " + hostname + " sandbox.localdomain\n::1 localhost\n"

func passwdLines(uid int) string {
	return "root:x:0:0:root:/root:/sbin/nologin\n" + userLine(uid) +
		"nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"
}

func groupLines(uid int) string {
	return "root:x:0:\n" + groupLine(uid) + "nogroup:x:65534:\n"
}

func userLine(uid int) string  { return fmt.Sprintf("sandbox:x:%d:%d::/tmp:/sbin/nologin\n", uid, uid) }
func groupLine(uid int) string { return fmt.Sprintf("sandbox:x:%d:\n", uid) }

// overlayWorks asks the kernel for an overlay file system, on which boxes with an
// image's root stand. A kernel that has it as a module loads it now.
func overlayWorks() error {
	fd, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("fsopen", err)
	}
	return unix.Close(fd)
}

// maxAccounts bounds what is read of an image's passwd and group, in bytes.
const maxAccounts = 16 << 10

// imageFiles are what a box with an image's root has of its own in /etc: the
// image's users and groups are kept, and the box's own is added.
func imageFiles(dir string, uid int) ([]initproto.File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	return append(networkFiles(), []initproto.File{
		{Path: "/etc/passwd", Content: accounts(root, "etc/passwd", userLine(uid), passwdLines(uid))},
		{Path: "/etc/group", Content: accounts(root, "etc/group", groupLine(uid), groupLines(uid))},
	}...), nil
}

// networkFiles are what every box with an image's root has of its own in /etc.
func networkFiles() []initproto.File {
	return []initproto.File{
		{Path: "/etc/hosts", Content: hosts},
		{Path: "/etc/hostname", Content: hostname + "\n"},
		{Path: "/etc/resolv.conf"},
	}
}

// accounts is an image's file with a line added, or what every box has if the
// image has none that can be used.
func accounts(root *os.Root, name, line, otherwise string) string {
	text, err := readSmall(root, name)
	if err != nil || text == "" {
		return otherwise
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + line
}

var errTooLarge = errors.New("the file is too large")

// readSmall reads a file of an image. One that is reached through an absolute
// link is not found: on the host, such a link means another file.
func readSmall(root *os.Root, name string) (string, error) {
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !st.Mode().IsRegular() || st.Size() > maxAccounts {
		return "", errTooLarge
	}
	text, err := io.ReadAll(io.LimitReader(f, maxAccounts))
	return string(text), err
}
