//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// rootOfImage has what only root of an image has, and tries to make more of it.
func rootOfImage([]string) {
	const own = "/srv/own"
	if err := os.WriteFile(own, []byte("x"), 0o600); err != nil {
		fmt.Println("error:", err)
		return
	}
	for _, id := range []int{65536, 1 << 30, 1<<32 - 2} {
		attempt(fmt.Sprint("chown to ", id), unix.Chown(own, id, -1))
		attempt(fmt.Sprint("chgrp to ", id), unix.Chown(own, -1, id))
		attempt(fmt.Sprint("setuid to ", id), unwrap(become(id)))
	}
	for _, name := range []string{"trusted.overlay.opaque", "trusted.overlay.redirect", "trusted.overlay.origin", "security.capability"} {
		attempt("attribute "+name, unix.Setxattr("/srv", name, []byte("y"), 0))
		attempt("attribute of a file "+name, unix.Setxattr(own, name, []byte("/proc"), 0))
	}
	for _, name := range []string{"uid_map", "gid_map", "projid_map"} {
		for _, text := range []string{"0 0 4294967295", "0 0 1", "0 1073741824 65536"} {
			attempt("write "+name+" "+text, unwrap(os.WriteFile("/proc/self/"+name, []byte(text), 0)))
		}
	}
	attempt("allow groups", unwrap(os.WriteFile("/proc/self/setgroups", []byte("deny"), 0)))
	for _, path := range []string{"/proc/self/mountinfo", "/proc/mounts"} {
		attempt("write "+path, unwrap(os.WriteFile(path, []byte("x"), 0)))
	}
	for _, path := range []string{"/dev/null", "/dev", "/proc", "/proc/sys", "/usr"} {
		attempt("chmod "+path, unix.Chmod(path, 0o777))
		attempt("chown "+path, unix.Chown(path, 1000, 1000))
	}
	inheritable := [2]unix.CapUserData{{Inheritable: 1 << unix.CAP_SYS_ADMIN}}
	attempt("inherit", unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &inheritable[0]))
	attempt("keep on setuid", unix.Prctl(unix.PR_SET_SECUREBITS, 1<<4, 0, 0, 0))
}

// become runs a program as another user.
func become(uid int) error {
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: 0, NoSetGroups: true}}
	return cmd.Run()
}
