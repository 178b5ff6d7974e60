//go:build !linux || race

package socket

import "syscall"

const quick = false

func receive(fd uintptr, p []byte) (n int, err error) { return syscall.Read(int(fd), p) }
func send(fd uintptr, p []byte) (n int, err error)    { return syscall.Write(int(fd), p) }
