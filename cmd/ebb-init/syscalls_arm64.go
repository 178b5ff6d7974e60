//go:build linux

package main

import "golang.org/x/sys/unix"

const (
	auditArch  = unix.AUDIT_ARCH_AARCH64
	foreignABI = 0 // none
)

// arm64 came late enough to have no older forms of any call.
var (
	allowedCallsOfArch   []uint16
	forbiddenCallsOfArch []uint16
	checkedCallsOfArch   []checkedCall
)
