//go:build linux

package linux

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// idRange is the numbers that the users and groups of one box's image have on the
// host. users is a user namespace with that mapping, for mounts; the box's processes
// have others, which nobody else can enter.
type idRange struct {
	base  int
	users *os.File
}

// idRanges hands them out, each to one live box. What a box leaves behind goes with
// it, so that the next may have its range, whose namespace is there already.
type idRanges struct {
	base, count int

	mu   sync.Mutex
	made int
	free []*idRange
}

var errNoRange = errors.New("no range of user ids is free: RangeCount is the number of boxes with users of an image that can live at once")

func (r *idRanges) take(d *Driver) (*idRange, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.free); n > 0 {
		taken := r.free[n-1]
		r.free = r.free[:n-1]
		return taken, nil
	}
	if r.made == r.count {
		return nil, errNoRange
	}
	made := &idRange{base: r.base + r.made*initproto.RangeSize}
	mapping := []syscall.SysProcIDMap{{HostID: made.base, Size: initproto.RangeSize}}
	var err error
	if made.users, err = d.userNamespace(mapping, mapping); err != nil {
		return nil, fmt.Errorf("user namespace: %w", err)
	}
	r.made++
	return made, nil
}

func (r *idRanges) release(taken *idRange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, taken)
}

// close lets go of the namespaces. No box is left.
func (r *idRanges) close() (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, free := range r.free {
		err = errors.Join(err, free.users.Close())
	}
	r.free = nil
	return err
}

// usersWork tries what a box with users of an image needs.
func (d *Driver) usersWork() error {
	if d.rootless != nil {
		return errors.New("it takes the machine's root to give each instance users of its own")
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return os.NewSyscallError("uname", err)
	}
	var major, minor int
	release := unix.ByteSliceToString(name.Release[:])
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("kernel release %q: %w", release, err)
	}
	if major < 5 || major == 5 && minor < 19 {
		return fmt.Errorf("overlays on id-mapped mounts need Linux 5.19, this is %s", release)
	}
	taken, err := d.ranges.take(d)
	if err != nil {
		return err
	}
	defer d.ranges.release(taken)
	tree, err := taken.tree(d.run)
	if err != nil {
		return fmt.Errorf("id-mapped mounts: %w", err)
	}
	return tree.Close()
}

// tree is a detached, read-only mount of a directory, whose files belong to the
// range's users as they belong to the host's users of the same numbers.
func (r *idRange) tree(dir string) (*os.File, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("open_tree", err)
	}
	set := unix.MountAttr{
		Attr_set:    nosuidNodev | unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_IDMAP,
		Propagation: unix.MS_PRIVATE, Userns_fd: uint64(r.users.Fd()),
	}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &set); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("mount_setattr", err)
	}
	return os.NewFile(uintptr(fd), dir), nil
}

// identify gives the box its identity on the host.
func (b *box) identify(user *ebb.User) (err error) {
	if user == nil || !b.d.level.Users {
		b.uid, err = b.d.uids.take()
		b.gid = b.uid
		return err
	}
	if b.ids, err = b.d.ranges.take(b.d); err != nil {
		return err
	}
	b.user, b.uid, b.gid = user, b.ids.base+user.UID, b.ids.base+user.GID
	return nil
}

// anonymise takes the identity back, when nothing of the box is left.
func (b *box) anonymise() {
	switch {
	case b.ids != nil:
		b.d.ranges.release(b.ids)
	case b.uid != 0:
		b.d.uids.release(b.uid)
	}
}

// setRoot says what of an image the box has, and opens its tree if that is to be
// another's than on the host.
func (b *box) setRoot(s *initproto.Setup, spec *sandbox.Spec) error {
	s.Image = spec.Root
	var err error
	if b.ids == nil {
		s.Files, err = imageFiles(spec.Root, b.uid)
		return err
	}
	s.Files, s.Range, s.ImageFD = networkFiles(), uint32(b.ids.base), true
	b.imageTree, err = b.ids.tree(spec.Root)
	return err
}

// asUser has a process begin as who it is to be.
func (b *box) asUser(start *initproto.Start) {
	start.UID, start.GID = uint32(b.uid), uint32(b.gid)
	if b.ids == nil {
		return
	}
	start.UID, start.GID, start.Range = uint32(b.user.UID), uint32(b.user.GID), uint32(b.ids.base)
	for _, g := range b.user.Groups {
		start.Groups = append(start.Groups, uint32(g))
	}
}

// ownOutput lets the process open its output anew, by /dev/stdout.
func (b *box) ownOutput(write *os.File) error {
	if b.ids == nil {
		return nil
	}
	return write.Chown(b.uid, b.gid)
}
