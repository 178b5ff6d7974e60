//go:build linux

package main

import (
	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

const (
	nosuid   = unix.MOUNT_ATTR_NOSUID
	nodev    = unix.MOUNT_ATTR_NODEV
	noexec   = unix.MOUNT_ATTR_NOEXEC
	readOnly = unix.MOUNT_ATTR_RDONLY
)

// What /proc shows of the machine rather than of the box. Masked paths are
// empty, frozen ones cannot be written even by a process that gained uid 0.
var (
	maskedProc = []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
		"/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
	}
	frozenProc = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

// mountRoot, as a place, is a directory in which places can still be made when
// the rest is read-only: for folders whose names are not known yet.
const mountRoot = "/mnt"

// emptyDir is what hides a directory of /proc.
const emptyDir = "/run/.ebb-empty"

// buildRoot makes the box's root, enters it and leaves the host's behind.
// tmp is the detached mount of /tmp, or -1 if Setup.Mounts brings one; image that of
// the image's tree, or -1 if Setup.Image is where it is.
func buildRoot(setup *initproto.Setup, tmp, image int) *initproto.Failed {
	unix.Umask(0o022)
	// Nothing that is mounted here may show up on the host.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return failed("make mounts private", "/", err)
	}
	root, f := stage(setup.Root)
	if f == nil && setup.Image != "" {
		root, tmp, f = stageImage(root, setup, tmp, image)
	}
	if f != nil {
		return f
	}
	if f := fill(root, setup); f != nil {
		return f
	}
	if f := mountKernel(root, setup); f != nil {
		return f
	}
	for _, path := range setup.Places {
		if path == mountRoot {
			if f := mountAt(root, path, "tmpfs", nosuid|nodev|noexec, root.owned(option{"mode", "0755"}, option{"size", "16k"})...); f != nil {
				return f
			}
		}
	}
	for i := range setup.Mounts {
		if f := bind(root, &setup.Mounts[i]); f != nil {
			return f
		}
	}
	for _, path := range setup.Places {
		if target, err := root.target(path, true); err != nil {
			return failed("make directory", path, err)
		} else {
			_ = unix.Close(target)
		}
	}
	if tmp >= 0 {
		if f := place(root, "/tmp", tmp); f != nil {
			return f
		}
	}
	if f := enter(root, setup.Disk); f != nil {
		return f
	}
	if err := unix.Sethostname([]byte(setup.Hostname)); err != nil {
		return failed("set host name", setup.Hostname, err)
	}
	return nil
}

// stage mounts an empty tmpfs on dir.
func stage(dir string) (tree, *initproto.Failed) {
	mount, err := newMount("tmpfs", nosuid|nodev, option{"mode", "0755"}, option{"size", "1m"})
	if err != nil {
		return tree{}, failed("mount tmpfs", dir, err)
	}
	return over(dir, mount)
}

// over puts a detached mount on dir, which becomes the root of a tree.
func over(dir string, mount int) (tree, *initproto.Failed) {
	target, err := openDir(dir)
	if err != nil {
		return tree{}, failed("open", dir, err)
	}
	err = attach(mount, target)
	_ = unix.Close(target)
	if err != nil {
		return tree{}, failed("mount", dir, err)
	}
	fd, err := openDir(dir)
	if err != nil {
		return tree{}, failed("open", dir, err)
	}
	return tree{fd: fd}, nil
}

func openDir(path string) (int, error) {
	return unix.Open(path, unix.O_PATH|unix.O_CLOEXEC|unix.O_DIRECTORY, 0)
}

// fill makes the links and small files.
func fill(root tree, setup *initproto.Setup) *initproto.Failed {
	for _, l := range setup.Links {
		err := root.within(l.Path, func(dir int, name string) error {
			return unix.Symlinkat(l.Target, dir, name)
		})
		if err != nil {
			return failed("link", l.Path, err)
		}
	}
	for _, f := range setup.Files {
		err := root.within(f.Path, func(dir int, name string) error {
			// An image may have one of its own, or a link to somewhere.
			if err := unix.Unlinkat(dir, name, 0); err != nil && err != unix.ENOENT {
				return err
			}
			return root.write(dir, name, f.Content)
		})
		if err != nil {
			return failed("write", f.Path, err)
		}
	}
	err := root.within(emptyDir, func(dir int, name string) error {
		return unix.Mkdirat(dir, name, 0o755)
	})
	if err != nil {
		return failed("make directory", emptyDir, err)
	}
	return nil
}

// bind makes one host path visible.
func bind(root tree, m *initproto.Mount) *initproto.Failed {
	attr := uint64(nosuid | nodev)
	if !m.Writable {
		attr |= readOnly
	}
	source, err := cloneTree(unix.AT_FDCWD, m.Source, attr)
	if err != nil {
		return failed("open mount source", m.Source, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(source, &st); err != nil {
		return failed("read mount source", m.Source, err)
	}
	target, err := root.target(m.Target, st.Mode&unix.S_IFMT == unix.S_IFDIR)
	if err != nil {
		return failed("make mount target", m.Target, err)
	}
	defer func() { _ = unix.Close(target) }()
	if err := attach(source, target); err != nil {
		return failed("mount", m.Target, err)
	}
	return nil
}

// mountKernel brings what the kernel provides: /proc and /dev.
func mountKernel(root tree, setup *initproto.Setup) *initproto.Failed {
	if !setup.NoProc {
		// hidepid: a box's processes see those of their own uid only, so not PID 1.
		if f := mountAt(root, "/proc", "proc", nosuid|nodev|noexec, option{"hidepid", "2"}); f != nil {
			return f
		}
	}
	if f := mountAt(root, "/dev", "tmpfs", nosuid|noexec, root.owned(option{"mode", "0755"}, option{"size", "64k"})...); f != nil {
		return f
	}
	if f := fillDev(root); f != nil {
		return f
	}
	shm := setup.ShmBytes
	return mountAt(root, "/dev/shm", "tmpfs", nosuid|nodev|noexec,
		root.owned(option{"mode", "1777"}, option{"size", decimal(shm)}, option{"nr_inodes", decimal(shm/4096 + 16)})...)
}

func mountAt(root tree, path, kind string, attr int, options ...option) *initproto.Failed {
	mount, err := newMount(kind, attr, options...)
	if err != nil {
		return failed("mount "+kind, path, err)
	}
	return place(root, path, mount)
}

// place attaches a detached mount to a directory, making it if need be.
func place(root tree, path string, mount int) *initproto.Failed {
	target, err := root.target(path, true)
	if err == nil {
		err = attach(mount, target)
		_ = unix.Close(target)
	}
	if err != nil {
		return failed("mount", path, err)
	}
	return nil
}

// fillDev makes the devices that every Unix program may expect.
func fillDev(root tree) *initproto.Failed {
	dev, err := root.open("/dev")
	if err != nil {
		return failed("open", "/dev", err)
	}
	defer func() { _ = unix.Close(dev) }()
	unix.Umask(0)
	defer unix.Umask(0o022)
	devices := [...]struct {
		name  string
		minor uint32
	}{{"null", 3}, {"zero", 5}, {"full", 7}, {"random", 8}, {"urandom", 9}}
	for _, d := range devices {
		err := unix.Mknodat(dev, d.name, unix.S_IFCHR|0o666, int(unix.Mkdev(1, d.minor)))
		if err == unix.EPERM { // in a user namespace nobody makes devices
			err = borrowDevice(dev, d.name)
		}
		if err != nil {
			return failed("make device", d.name, err)
		}
	}
	links := [...][2]string{
		{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"},
		{"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
	}
	for _, l := range links {
		if err := unix.Symlinkat(l[1], dev, l[0]); err != nil {
			return failed("link", l[0], err)
		}
	}
	if err := unix.Mkdirat(dev, "shm", 0o755); err != nil {
		return failed("make directory", "/dev/shm", err)
	}
	return nil
}

// borrowDevice puts the host's device into the box's /dev.
func borrowDevice(dev int, name string) error {
	if err := (tree{}).write(dev, name, ""); err != nil {
		return err
	}
	over, err := unix.Openat(dev, name, unix.O_PATH|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(over) }()
	device, err := cloneTree(unix.AT_FDCWD, "/dev/"+name, nosuid|noexec|readOnly)
	if err != nil {
		return err
	}
	return attach(device, over)
}

// enter makes root the root, detaches the host's, and closes the box against
// writing, but for its root if that is writable.
func enter(root tree, writable bool) *initproto.Failed {
	if err := unix.Fchdir(root.fd); err != nil {
		return failed("enter", "/", err)
	}
	// The same directory twice: the old root ends up mounted over the new one
	// and is taken away from there, so that it needs no place in the box.
	if err := unix.PivotRoot(".", "."); err != nil {
		return failed("pivot_root", "/", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return failed("detach the host's root", "/", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return failed("enter", "/", err)
	}
	_ = unix.Close(root.fd)
	for _, path := range maskedProc {
		if err := mask(path); err != nil {
			return failed("mask", path, err)
		}
	}
	for _, path := range frozenProc {
		if err := cover(path, path, nosuid|nodev|noexec|readOnly); err != nil {
			return failed("make read-only", path, err)
		}
	}
	for _, path := range [...]string{"/", "/dev"} {
		if writable && path == "/" {
			continue
		}
		set := unix.MountAttr{Attr_set: readOnly}
		if err := unix.MountSetattr(unix.AT_FDCWD, path, 0, &set); err != nil {
			return failed("make read-only", path, err)
		}
	}
	return nil
}

func mask(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err == unix.ENOENT {
		return nil
	} else if err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return cover(emptyDir, path, readOnly|nosuid|nodev|noexec)
	}
	return cover("/dev/null", path, readOnly|nosuid|noexec)
}

// cover mounts one path of the box over another, if that exists.
func cover(source, target string, attr uint64) error {
	over, err := unix.Open(target, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(over) }()
	from, err := cloneTree(unix.AT_FDCWD, source, attr)
	if err != nil {
		return err
	}
	return attach(from, over)
}

func decimal(v uint64) string {
	var b [20]byte
	i := len(b)
	for {
		i--
		b[i] = byte('0' + v%10)
		if v /= 10; v == 0 {
			return string(b[i:])
		}
	}
}
