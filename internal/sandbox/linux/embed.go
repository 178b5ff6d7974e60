//go:build linux

package linux

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// initFiles holds ebb-init if the build made it first.
//
//go:embed initbin
var initFiles embed.FS

var errNoInit = errors.New("built without ebb-init: run make build")

// initProgram puts ebb-init into sealed memory to execute from. So it runs also
// where the data directory is mounted noexec, and nobody can change it.
func initProgram() (*os.File, error) {
	program, err := initFiles.ReadFile("initbin/ebb-init")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoInit
	}
	if err != nil {
		return nil, err
	}
	flags := unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("ebb-init", flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 all were executable
		fd, err = unix.MemfdCreate("ebb-init", flags)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "ebb-init")
	if _, err := f.Write(program); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	seals := unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, errors.Join(fmt.Errorf("seal: %w", err), f.Close())
	}
	return f, nil
}
