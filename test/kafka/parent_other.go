//go:build !linux

package kafka

import "syscall"

func withParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
