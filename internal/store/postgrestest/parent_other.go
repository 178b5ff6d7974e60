//go:build !linux

package postgrestest

import "syscall"

// dieWithParent does nothing: this kernel has no such thing.
func dieWithParent(*syscall.SysProcAttr) {}
