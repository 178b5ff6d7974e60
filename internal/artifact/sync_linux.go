package artifact

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncTree brings everything below root to disk. One call for the whole file
// system is many times cheaper than one for each of an image's files.
func syncTree(root *os.Root) error {
	f, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(os.NewSyscallError("syncfs", unix.Syncfs(int(f.Fd()))), f.Close())
}
