//go:build unix

package main

import "golang.org/x/sys/unix"

// freeSpace is how many bytes this user may still write where dir is.
func freeSpace(dir string) (uint64, bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return uint64(st.Bavail) * uint64(st.Bsize), true //nolint:unconvert // their types differ between systems
}
