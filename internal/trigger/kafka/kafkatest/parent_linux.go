package kafkatest

import "syscall"

// withParent has the system end the broker when the test's process dies.
func withParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
