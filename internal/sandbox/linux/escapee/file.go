//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// devices tries to get at the machine's.
func devices([]string) {
	for _, d := range []struct {
		name string
		kind uint32
		dev  uint64
	}{
		{"mem", unix.S_IFCHR, unix.Mkdev(1, 1)}, {"null", unix.S_IFCHR, unix.Mkdev(1, 3)},
		{"whiteout", unix.S_IFCHR, 0}, {"loop", unix.S_IFBLK, unix.Mkdev(7, 0)}, {"disk", unix.S_IFBLK, unix.Mkdev(254, 0)},
	} {
		for _, dir := range []string{"/tmp", "/dev/shm", "/dev"} {
			attempt("mknod "+dir+"/"+d.name, unix.Mknod(dir+"/"+d.name, d.kind|0o666, int(d.dev)))
		}
	}
	// Without Landlock this one answers.
	fd, err := unix.Open("/dev/urandom", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		attempt("ioctl of a device", fmt.Errorf("open: %w", err))
		return
	}
	var entropy int32
	attempt("ioctl of a device", call(unix.SYS_IOCTL, uintptr(fd), unix.RNDGETENTCNT, uintptr(unsafe.Pointer(&entropy))))
}

// files tries to write what is not the box's, and to read around it. The
// arguments are paths of the host that must not be there.
func files(args []string) {
	for _, path := range []string{
		"/x", "/usr/x", "/etc/passwd", "/etc/x", "/run/hosts", "/var/task/x", "/var/task/secret", "/opt/x", "/dev/x", "/proc/x",
		"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname", "/proc/sys/vm/overcommit_memory",
		"/proc/sys/net/ipv4/ip_forward", "/proc/sys/fs/suid_dumpable", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity",
		"/sys/kernel/uevent_helper", "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/release_agent",
	} {
		fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
		if err == nil {
			_, err = unix.Write(fd, []byte("x"))
		}
		attempt("write "+path, err)
	}
	for _, path := range append([]string{
		"/etc/shadow", "/root", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/dev/mem", "/dev/kmsg",
		"/dev/loop0", "/dev/loop-control", "/dev/fuse", "/dev/net/tun", "/dev/vsock", "/dev/kvm", "/sys/kernel", "/proc/1/root/etc/shadow",
		"/proc/self/root/../root", "/var/task/to-shadow", "/var/task/to-init", "/var/task/to-host",
		"/../../../../root", "/tmp/../../../root",
	}, args...) {
		b, err := os.ReadFile(path)
		if err == nil && len(b) == 0 {
			err = fmt.Errorf("empty")
		}
		attempt("read "+path, unwrap(err))
	}
	links()
}

// links plays with the names of things.
func links() {
	attempt("hard link to /etc", unix.Link("/etc/hostname", "/tmp/link"))
	attempt("hard link to code", unix.Link("/var/task/secret", "/tmp/link"))
	attempt("hard link to /proc", unix.Linkat(here2, "/proc/self/exe", here2, "/tmp/link", unix.AT_SYMLINK_FOLLOW))
	attempt("rename over code", unix.Rename("/tmp", "/var/task/secret"))
	attempt("exchange", unix.Renameat2(here2, "/tmp", here2, "/var/task", unix.RENAME_EXCHANGE))
	attempt("remove code", unix.Unlink("/var/task/secret"))
	attempt("remove root", unix.Rmdir("/tmp"))
	attempt("chmod code", unix.Chmod("/var/task/secret", 0o777))
	attempt("chown code", unix.Chown("/var/task/secret", os.Getuid(), os.Getuid()))
	attempt("chmod root", unix.Chmod("/", 0o777))
	_ = os.Symlink("/var/task/secret", "/tmp/to-code")
	attempt("write through a link", os.WriteFile("/tmp/to-code", []byte("x"), 0o644))
	_ = os.Symlink("/proc/1/environ", "/tmp/to-init")
	_, err := os.ReadFile("/tmp/to-init")
	attempt("read through a link", unwrap(err))
	if root, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0); err != nil {
		attempt("above the root", err)
	} else {
		_, err = unix.Openat(root, "../../root", unix.O_RDONLY, 0)
		attempt("above the root", err)
	}
	attempt("attribute of a capability", unix.Setxattr("/tmp/to-code", "security.capability", make([]byte, 20), 0))
}

const here2 = unix.AT_FDCWD

// whoami says what this process may do; the tests give the file mode bits and
// capabilities that would say more.
func whoami() {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "CapEff") || strings.HasPrefix(line, "CapPrm") {
			fmt.Print(line)
		}
	}
	fmt.Printf("root: %t\n", os.Geteuid() == 0 || os.Getegid() == 0)
}

// elevated runs copies of this program that somebody made more powerful, and a
// copy that it makes so itself.
func elevated(paths []string) {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	for _, dir := range []string{"/tmp", "/dev/shm"} {
		path := filepath.Join(dir, "setuid")
		if err := os.WriteFile(path, self, 0o755); err == nil {
			_ = os.Chown(path, 0, 0) // fails
			_ = unix.Chmod(path, 0o6777)
			paths = append(paths, path)
		}
	}
	for _, path := range paths {
		out, err := exec.Command(path, "whoami").CombinedOutput()
		for range 1000 { // a process that was just forked may still have it open for writing
			if unwrap(err) != unix.ETXTBSY {
				break
			}
			runtime.Gosched()
			out, err = exec.Command(path, "whoami").CombinedOutput()
		}
		if err != nil {
			fmt.Printf("%s: %v\n", path, unwrap(err))
			continue
		}
		fmt.Printf("%s\n%s", path, out)
	}
}
