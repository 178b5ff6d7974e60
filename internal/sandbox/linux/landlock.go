//go:build linux

package linux

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

// landlockVersion asks the kernel for its version of Landlock. 0: it has none, or
// was started without it (lsm=).
func landlockVersion() uint32 {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return uint32(version)
}

// landlockLacks says what follows from an old version.
func landlockLacks(version uint32) []string {
	switch {
	case version == 0:
		return []string{"Landlock (Linux 5.13, enabled by lsm=): what a process may write is decided by mounts and modes alone"}
	case version < 3:
		return []string{"Landlock 3 (Linux 6.2): truncating files is decided by mounts and modes alone"}
	case version < 6:
		return []string{"Landlock 6 (Linux 6.12): signals and abstract Unix sockets are confined by namespaces alone"}
	default:
		return nil
	}
}

// mountRoot is beneath which a mount may be writable though it is attached only
// when the process runs: a Landlock domain cannot be widened.
const mountRoot = "/mnt"

// writablePlaces are where the process of a box may write: its own /tmp and
// /dev/shm, its root if
// that is writable, and the mounts that say so.
func writablePlaces(spec *sandbox.Spec) []string {
	places := []string{"/tmp", "/dev/shm"}
	if spec.WritableRoot {
		places = append(places, "/")
	}
	for _, m := range spec.Mounts {
		if m.Writable {
			places = append(places, m.Target)
		}
	}
	if slices.ContainsFunc(spec.Places, underMountRoot) {
		places = append(places, mountRoot)
	}
	return places
}

func underMountRoot(path string) bool {
	return path == mountRoot || strings.HasPrefix(path, mountRoot+"/")
}

// places are those of spec, with that of folders if it has any.
func places(spec *sandbox.Spec) []string {
	folder := func(m sandbox.Mount) bool { return m.Folder != nil }
	if !slices.ContainsFunc(spec.Mounts, folder) || slices.Contains(spec.Places, mountRoot) {
		return spec.Places
	}
	return append(slices.Clone(spec.Places), mountRoot)
}
