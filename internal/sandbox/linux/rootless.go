//go:build linux

package linux

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// rootless is what it means that ebb is root of a user namespace and not of the
// machine: each box gets a user namespace of its own, below ebb's, in which its
// processes are counted and ebb-init has its privileges.
type rootless struct {
	ids     int                       // from 0 on there are so many; 1: nobody but whom ebb runs as
	extents [2][]syscall.SysProcIDMap // users and groups as they are mapped, each to itself
}

// boxUser is the id of every box that has to share ebb's user: inside it is not
// root, whatever that user is outside.
const boxUser = 10000

// initCapabilities are what ebb-init needs to make a box. Where it is root of the
// box's user namespace it has them by that.
var initCapabilities = []uintptr{
	unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT, unix.CAP_SETPCAP, unix.CAP_KILL, unix.CAP_SETUID, unix.CAP_SETGID,
	unix.CAP_NET_ADMIN, unix.CAP_NET_BIND_SERVICE, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_CHOWN,
}

// findRootless tells whether we are in a user namespace. nil: in the machine's.
func findRootless() (*rootless, error) {
	r := &rootless{}
	for i, file := range []string{"/proc/self/uid_map", "/proc/self/gid_map"} {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		n, extents, err := mappedIDs(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if extents == nil {
			return nil, nil
		}
		if i == 0 || n < r.ids {
			r.ids = n
		}
		r.extents[i] = extents
	}
	return r, nil
}

// mappedIDs counts the ids from 0 on without a gap, and returns what maps each to
// itself: a map of maps may not span two of theirs. Without any, all are the
// machine's own.
func mappedIDs(text string) (n int, extents []syscall.SysProcIDMap, err error) {
	counts := make(map[int]int) // first id inside → how many
	for line := range strings.Lines(text) {
		var inside, outside, count int
		if _, err := fmt.Sscan(line, &inside, &outside, &count); err != nil {
			return 0, nil, fmt.Errorf("%q: %w", strings.TrimSpace(line), err)
		}
		if inside == 0 && outside == 0 && count == 1<<32-1 {
			return 0, nil, nil
		}
		counts[inside] = count
		extents = append(extents, syscall.SysProcIDMap{ContainerID: inside, HostID: inside, Size: count})
	}
	for counts[n] > 0 {
		n += counts[n]
	}
	return n, extents, nil
}

// uids are those that boxes get.
func (r *rootless) uids() *uids {
	switch {
	case r.shared():
		u := newUIDs(boxUser, 1)
		u.shared = true
		return u
	case r.ids < 2*boxUser:
		return newUIDs(1, r.ids-1)
	default: // as usual not those of the host's accounts
		return newUIDs(boxUser, r.ids-boxUser)
	}
}

// shared says that all boxes act as one user.
func (r *rootless) shared() bool { return r.ids < 2 }

// enclose gives what attr starts a user namespace of its own.
func (r *rootless) enclose(attr *syscall.SysProcAttr) {
	attr.Cloneflags |= unix.CLONE_NEWUSER
	if r.shared() {
		ids := []syscall.SysProcIDMap{{ContainerID: boxUser, HostID: 0, Size: 1}}
		attr.UidMappings, attr.GidMappings = ids, ids
		attr.AmbientCaps = initCapabilities
		return
	}
	attr.UidMappings, attr.GidMappings = r.extents[0], r.extents[1]
	attr.GidMappingsEnableSetgroups = true
}

// lacks says what is weaker than with the machine's root.
func (r *rootless) lacks() []string {
	notes := []string{
		"root: bursts of Python are not copied from a zygote, and folders with an owner cannot be mounted",
	}
	if r.shared() {
		notes = append(notes, "a range of user ids (newuidmap, and lines in /etc/subuid and /etc/subgid): "+
			"all instances act as the user that ebb runs as, and are kept apart by their namespaces alone")
	}
	return notes
}

// rootlessTmp makes a /tmp in memory: a loop device takes the machine's root.
func rootlessTmp(size int) (*os.File, error) {
	if size < minTmpMB || size > maxTmpMB {
		return nil, fmt.Errorf("/tmp of %d MB is not between %d and %d", size, minTmpMB, maxTmpMB)
	}
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("fsopen tmpfs: %w", err)
	}
	defer func() { _ = unix.Close(fs) }()
	for _, option := range [][2]string{
		{"mode", "1777"}, {"size", fmt.Sprintf("%dm", size)}, {"nr_inodes", fmt.Sprint(size * tmpInodes)},
	} {
		if err := unix.FsconfigSetString(fs, option[0], option[1]); err != nil {
			return nil, fmt.Errorf("tmpfs option %s: %w", option[0], err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, fmt.Errorf("tmpfs: %w", err)
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return nil, fmt.Errorf("mount tmpfs: %w", err)
	}
	return os.NewFile(uintptr(mount), "tmp"), nil
}

// tmpInodes is how many files there may be for each MB, as on a disk-backed /tmp.
const tmpInodes = 32
