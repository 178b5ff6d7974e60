//go:build linux

package main

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// What Landlock calls the things one does to files.
const (
	readTree  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	writeFile = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	onFiles   = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | writeFile
	writeTree = readTree | writeFile |
		unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO |
		unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER
	devices = unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// rulesetOf is what a Landlock of that version can restrict: all of it that
// concerns files, abstract Unix sockets and signals. Connections are left to the
// network namespace.
func rulesetOf(version uint32) (attr unix.LandlockRulesetAttr, size uintptr) {
	attr.Handled_access_fs = writeTree | devices
	if version < 2 {
		attr.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version < 3 {
		attr.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version < 5 {
		attr.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version < 6 { // the kernel refuses fields that it does not know
		return attr, unsafe.Sizeof(attr.Handled_access_fs)
	}
	attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	return attr, unsafe.Offsetof(attr.Scoped) + unsafe.Sizeof(attr.Scoped)
}

// wall restricts this thread, and all it forks, to reading and executing what
// the box shows and to writing beneath a few places: a second time what mounts
// and modes already say, by another part of the kernel.
func wall(version uint32, writable []string) *initproto.Failed {
	ruleset, f := newRuleset(version, writable)
	if f != nil {
		return f
	}
	defer func() { _ = unix.Close(ruleset) }()
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0); errno != 0 {
		return failed("restrict with", "Landlock", errno)
	}
	return nil
}

// newRuleset is what wall restricts with.
func newRuleset(version uint32, writable []string) (int, *initproto.Failed) {
	attr, size := rulesetOf(version)
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return -1, failed("create", "Landlock ruleset", errno)
	}
	ruleset := int(fd)
	if f := fillRuleset(ruleset, attr.Handled_access_fs, writable); f != nil {
		_ = unix.Close(ruleset)
		return -1, f
	}
	return ruleset, nil
}

func fillRuleset(ruleset int, handled uint64, writable []string) *initproto.Failed {
	rules := [...]struct {
		path   string
		access uint64
	}{
		{"/", readTree},
		// Its files are a process's own, and what is the machine's is read-only.
		{"/proc", writeFile},
		{"/dev", unix.LANDLOCK_ACCESS_FS_WRITE_FILE},
	}
	for _, r := range rules {
		if f := permit(ruleset, r.path, r.access&handled); f != nil {
			return f
		}
	}
	for _, path := range writable {
		if f := permit(ruleset, path, writeTree&handled); f != nil {
			return f
		}
	}
	return nil
}

// permit allows access to a file, or to a directory and all beneath it. What is
// not there needs no permission.
func permit(ruleset int, path string, access uint64) *initproto.Failed {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return failed("open", path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return failed("read", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= onFiles
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset),
		unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return failed("allow with Landlock", path, errno)
	}
	return nil
}
