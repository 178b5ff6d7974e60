package artifact

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncAll brings everything on root's file system to disk, if that can be done
// at once: many times cheaper than file by file, but somebody else's files have
// to be waited for too.
func syncAll(root *os.Root) (done bool, err error) {
	f, err := root.Open(".")
	if err != nil {
		return false, err
	}
	return true, errors.Join(os.NewSyscallError("syncfs", unix.Syncfs(int(f.Fd()))), f.Close())
}
