//go:build linux

package main

import (
	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// ownDirs are the directories of an image in which a box has things of its own.
// Whatever else an image has there gives way: a link could lead the mounts, and
// what is masked in them, to different places.
var ownDirs = [...]string{"dev", "etc", "proc", "run", "tmp"}

// stageImage lays an image over the empty root at dir: the image's tree is never
// written to, what the box needs besides goes to the tmpfs of the root.
func stageImage(root tree, dir, image string) (tree, *initproto.Failed) {
	for _, name := range [...]string{"upper", "work"} {
		if err := unix.Mkdirat(root.fd, name, 0o755); err != nil {
			return tree{}, failed("make directory", name, err)
		}
	}
	_ = unix.Close(root.fd)
	mount, err := newMount("overlay", nosuid|nodev,
		option{"lowerdir", escape(image)}, option{"upperdir", escape(dir) + "/upper"}, option{"workdir", escape(dir) + "/work"})
	if err != nil {
		return tree{}, failed("mount overlay", image, err)
	}
	root, f := over(dir, mount)
	if f != nil {
		return root, f
	}
	for _, name := range ownDirs {
		if err := makeDir(root.fd, name); err != nil {
			return tree{}, failed("make directory", name, err)
		}
	}
	return root, nil
}

// makeDir makes sure that name in dir is a directory.
func makeDir(dir int, name string) error {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case err == unix.ENOENT:
	case err != nil:
		return err
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return nil
	default:
		if err := unix.Unlinkat(dir, name, 0); err != nil {
			return err
		}
	}
	return unix.Mkdirat(dir, name, 0o755)
}

// escape writes a path as overlay's options take it.
func escape(path string) string {
	var out []byte
	for _, c := range []byte(path) {
		if c == ':' || c == ',' || c == '\\' {
			out = append(out, '\\')
		}
		out = append(out, c)
	}
	return string(out)
}

// program finds what is to be executed, as a shell would inside the box.
func program(start *initproto.Start) (string, error) {
	name := start.Argv[0]
	switch {
	case name[0] == '/':
		return name, nil
	case contains(name, '/'):
		return start.Dir + "/" + name, nil
	}
	for _, dir := range split(pathOf(start.Env), ':') {
		if dir == "" {
			dir = start.Dir
		}
		path := dir + "/" + name
		var st unix.Stat_t
		if unix.Stat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Mode&0o111 != 0 {
			return path, nil
		}
	}
	return "", unix.ENOENT
}

// pathOf is the value of PATH.
func pathOf(env []string) string {
	const name = "PATH="
	for _, v := range env {
		if len(v) > len(name) && v[:len(name)] == name {
			return v[len(name):]
		}
	}
	return "/usr/local/bin:/usr/bin:/bin"
}

func contains(s string, c byte) bool { return len(split(s, c)) > 1 }

func split(s string, c byte) (parts []string) {
	from := 0
	for i := range len(s) {
		if s[i] == c {
			parts = append(parts, s[from:i])
			from = i + 1
		}
	}
	return append(parts, s[from:])
}
