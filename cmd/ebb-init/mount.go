//go:build linux

package main

import "golang.org/x/sys/unix"

// option is one parameter of a file system; without value it is a flag.
type option struct{ key, value string }

// newMount makes a file system that is not attached anywhere yet and returns
// its descriptor. attr is a set of MOUNT_ATTR_ flags.
func newMount(kind string, attr int, options ...option) (int, error) {
	fs, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer func() { _ = unix.Close(fs) }()
	for _, o := range options {
		if o.value == "" {
			err = unix.FsconfigSetFlag(fs, o.key)
		} else {
			err = unix.FsconfigSetString(fs, o.key, o.value)
		}
		if err != nil {
			return -1, err
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, err
	}
	return unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, attr)
}

// cloneTree makes a detached copy of the mounts at a path: what a bind mount
// attaches. The attributes are in force before anybody can see it.
func cloneTree(dirfd int, path string, attr uint64) (int, error) {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_RECURSIVE)
	tree, err := unix.OpenTree(dirfd, path, flags)
	if err != nil {
		return -1, err
	}
	set := unix.MountAttr{Attr_set: attr, Propagation: unix.MS_PRIVATE}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &set); err != nil {
		_ = unix.Close(tree)
		return -1, err
	}
	return tree, nil
}

// attach puts a detached mount on target and closes its descriptor.
func attach(mount, target int) error {
	err := unix.MoveMount(mount, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	_ = unix.Close(mount)
	return err
}

// tree is a directory that becomes the box's root. All paths are resolved as if
// it already were: neither .. nor an absolute link leads out. What is made in it
// belongs to owner.
type tree struct {
	fd    int
	owner int // 0: root of the host
}

// owned adds to the options of a tmpfs whose it is.
func (t tree) owned(options ...option) []option {
	if t.owner == 0 {
		return options
	}
	owner := decimal(uint64(t.owner))
	return append(options, option{"uid", owner}, option{"gid", owner})
}

// give makes owner the owner of something in dir.
func (t tree) give(dir int, name string) error {
	if t.owner == 0 {
		return nil
	}
	return unix.Fchownat(dir, name, t.owner, t.owner, unix.AT_SYMLINK_NOFOLLOW)
}

func (t tree) mkdir(dir int, name string) error {
	if err := unix.Mkdirat(dir, name, 0o755); err != nil {
		return err
	}
	return t.give(dir, name)
}

// open returns an O_PATH descriptor.
func (t tree) open(path string) (int, error) {
	for {
		fd, err := unix.Openat2(t.fd, path, &unix.OpenHow{
			Flags:   unix.O_PATH | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
		})
		// EAGAIN: something was renamed meanwhile and the kernel cannot tell
		// whether the path stayed inside.
		if err != unix.EINTR && err != unix.EAGAIN {
			return fd, err
		}
	}
}

// within opens the directory that holds path, making what is missing, and calls
// do with it and the last name.
func (t tree) within(path string, do func(dir int, name string) error) error {
	dir, name := splitPath(path)
	fd, err := t.open(dir)
	if err == unix.ENOENT && dir != "/" {
		if err = t.within(dir, t.mkdir); err == nil {
			fd, err = t.open(dir)
		}
	}
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return do(fd, name)
}

// target opens what is to be mounted upon, making an empty directory or file if
// nothing is there.
func (t tree) target(path string, directory bool) (int, error) {
	fd, err := t.open(path)
	if err != unix.ENOENT {
		return fd, err
	}
	err = t.within(path, func(dir int, name string) error {
		if directory {
			return t.mkdir(dir, name)
		}
		return t.write(dir, name, "")
	})
	if err != nil {
		return -1, err
	}
	return t.open(path)
}

func (t tree) write(dir int, name, content string) error {
	fd, err := unix.Openat(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if _, err := unix.Write(fd, []byte(content)); err != nil {
		return err
	}
	return t.give(dir, name)
}

func splitPath(path string) (dir, name string) {
	i := len(path) - 1
	for i > 0 && path[i] != '/' {
		i--
	}
	if i == 0 {
		return "/", path[1:]
	}
	return path[:i], path[i+1:]
}
