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

// stageImage lays an image over the empty root: the image's tree is never
// written to. What is, goes to the tmpfs of the root, or if the box may write to its
// root, to the disk that has its /tmp. It returns the root and the mount of /tmp.
func stageImage(stage tree, setup *initproto.Setup, tmp, image int) (tree, int, *initproto.Failed) {
	stage.owner = int(setup.Range)
	lower, layers := setup.Image, setup.Root
	if image >= 0 {
		if f := place(stage, "/lower", image); f != nil {
			return tree{}, tmp, f
		}
		lower = setup.Root + "/lower"
	}
	if setup.Disk {
		layers = setup.Root + "/disk"
		var f *initproto.Failed
		if tmp, f = splitDisk(stage, layers, tmp); f != nil {
			return tree{}, tmp, f
		}
	} else if tmp >= 0 {
		if err := stage.give(tmp, "."); err != nil {
			return tree{}, tmp, failed("give away", "/tmp", err)
		}
	}
	for _, name := range [...]string{"upper", "work"} {
		err := stage.within(layers[len(setup.Root):]+"/"+name, stage.mkdir)
		if err != nil {
			return tree{}, tmp, failed("make directory", name, err)
		}
	}
	_ = unix.Close(stage.fd)
	options := []option{{"lowerdir", escape(lower)}, {"upperdir", escape(layers) + "/upper"}, {"workdir", escape(layers) + "/work"}}
	if setup.Disk {
		options = append(options, option{key: "volatile"}) // it goes with the box
	}
	if !machineRoot() {
		options = append(options, option{key: "userxattr"}) // nobody here may write the others
	}
	mount, err := newMount("overlay", nosuid|nodev, options...)
	if err != nil {
		return tree{}, tmp, failed("mount overlay", setup.Image, err)
	}
	root, f := over(setup.Root, mount)
	if f != nil {
		return root, tmp, f
	}
	root.owner = stage.owner
	for _, name := range ownDirs {
		if err := root.makeDir(name); err != nil {
			return tree{}, tmp, failed("make directory", name, err)
		}
	}
	return root, tmp, nil
}

// splitDisk has the box's disk, at dir, hold a /tmp beside the rest, and returns a
// detached mount of that.
func splitDisk(stage tree, dir string, disk int) (tmp int, f *initproto.Failed) {
	if f := place(stage, "/disk", disk); f != nil {
		return -1, f
	}
	err := stage.within("/disk/tmp", func(parent int, name string) error {
		if err := stage.mkdir(parent, name); err != nil {
			return err
		}
		return unix.Fchmodat(parent, name, 0o1777, 0)
	})
	if err == nil {
		tmp, err = unix.OpenTree(unix.AT_FDCWD, dir+"/tmp", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	}
	if err != nil {
		return -1, failed("make directory", "/tmp", err)
	}
	return tmp, nil
}

// machineRoot tells whether this is the machine's user namespace.
func machineRoot() bool {
	fd, err := unix.Open("/proc/self/uid_map", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer func() { _ = unix.Close(fd) }()
	var b [64]byte
	n, _ := unix.Read(fd, b[:])
	const all = "4294967295\n"
	return n > len(all) && string(b[n-len(all):n]) == all
}

// makeDir makes sure that name in the tree's root is a directory.
func (t tree) makeDir(name string) error {
	var st unix.Stat_t
	err := unix.Fstatat(t.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case err == unix.ENOENT:
	case err != nil:
		return err
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return nil
	default:
		if err := unix.Unlinkat(t.fd, name, 0); err != nil {
			return err
		}
	}
	return t.mkdir(t.fd, name)
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
