package s3

import "syscall"

// childAttr has a child in a group of its own: the terminal's interrupt is for the
// platform, which ends it.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
