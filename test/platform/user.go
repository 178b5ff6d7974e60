package platform

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// UserVariable names the user that ebb runs as, and its group: a number that no
// account has. Without it, that is whoever runs the tests.
const UserVariable = "EBB_TEST_USER"

// User is that one; 0: nobody else.
func User() int {
	id, err := strconv.Atoi(os.Getenv(UserVariable))
	if err != nil {
		return 0
	}
	return id
}

// As is what a process of that user is started with.
func As(user int) *syscall.SysProcAttr {
	if user == 0 {
		return &syscall.SysProcAttr{}
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}}
}

// owner gives the user a data directory that it can come to, and says how to be it.
func owner(data string) (*syscall.SysProcAttr, error) {
	user := User()
	if user == 0 {
		return As(0), nil
	}
	err := errors.Join(os.MkdirAll(data, 0o700), os.Chown(data, user, user), os.Chmod(filepath.Dir(data), 0o711))
	return As(user), err
}
