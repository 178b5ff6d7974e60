//go:build linux

package main

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call makes a system call. That a descriptor or a positive number comes back is
// success, too.
func call(number uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	_, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return errno
	}
	return nil
}

func text(s string) uintptr {
	p, err := unix.BytePtrFromString(s)
	if err != nil {
		return 0
	}
	return uintptr(unsafe.Pointer(p))
}

// fork makes a child that ends at once.
func fork(number uintptr, args ...uintptr) error {
	var a [3]uintptr
	copy(a[:], args)
	pid, _, errno := unix.RawSyscall(number, a[0], a[1], a[2])
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return nil
}

var here = ^uintptr(99) // AT_FDCWD

// calls tries what reaches into the kernel. The numbers are given as plainly as
// a malicious program would: the arguments are valid where it matters.
func calls([]string) {
	runtime.LockOSThread() // unshare would change this thread
	page := make([]byte, 4096)
	mem := uintptr(unsafe.Pointer(&page[0]))
	self, parent := uintptr(os.Getpid()), uintptr(os.Getppid())
	net, _ := unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	for _, flag := range []struct {
		name string
		bit  uintptr
	}{
		{"user", unix.CLONE_NEWUSER}, {"mnt", unix.CLONE_NEWNS}, {"pid", unix.CLONE_NEWPID}, {"net", unix.CLONE_NEWNET},
		{"ipc", unix.CLONE_NEWIPC}, {"uts", unix.CLONE_NEWUTS}, {"cgroup", unix.CLONE_NEWCGROUP}, {"time", unix.CLONE_NEWTIME},
	} {
		attempt("unshare "+flag.name, call(unix.SYS_UNSHARE, flag.bit))
		if flag.name != "time" { // clone has no bit for it
			attempt("clone "+flag.name, fork(unix.SYS_CLONE, flag.bit|uintptr(unix.SIGCHLD)))
		}
	}
	cloneArgs := [8]uint64{unix.CLONE_NEWUSER}
	cloneArgs[4] = uint64(unix.SIGCHLD)
	attempt("clone3 user", fork(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&cloneArgs)), 64))
	attempt("setns", call(unix.SYS_SETNS, uintptr(net), 0))
	attempt("mount", call(unix.SYS_MOUNT, text("none"), text("/tmp"), text("tmpfs"), 0, 0))
	attempt("mount bind", call(unix.SYS_MOUNT, text("/proc"), text("/tmp"), 0, unix.MS_BIND, 0))
	attempt("mount cgroup", call(unix.SYS_MOUNT, text("none"), text("/tmp"), text("cgroup"), 0, text("memory")))
	attempt("remount", call(unix.SYS_MOUNT, 0, text("/"), 0, unix.MS_REMOUNT|unix.MS_BIND, 0))
	attempt("umount", call(unix.SYS_UMOUNT2, text("/proc/sys"), unix.MNT_DETACH))
	attempt("pivot_root", call(unix.SYS_PIVOT_ROOT, text("/tmp"), text("/tmp")))
	attempt("chroot", call(unix.SYS_CHROOT, text("/tmp")))
	attempt("open_tree", call(unix.SYS_OPEN_TREE, here, text("/"), unix.OPEN_TREE_CLONE))
	attempt("open_tree_attr", call(unix.SYS_OPEN_TREE_ATTR, here, text("/"), unix.OPEN_TREE_CLONE, 0, 0))
	attempt("move_mount", call(unix.SYS_MOVE_MOUNT, here, text("/tmp"), here, text("/dev/shm"), 0))
	attempt("fsopen", call(unix.SYS_FSOPEN, text("tmpfs"), 0))
	attempt("fsconfig", call(unix.SYS_FSCONFIG, 0, unix.FSCONFIG_CMD_CREATE, 0, 0, 0))
	attempt("fsmount", call(unix.SYS_FSMOUNT, 0, 0, 0))
	attempt("fspick", call(unix.SYS_FSPICK, here, text("/"), 0))
	attempt("mount_setattr", call(unix.SYS_MOUNT_SETATTR, here, text("/"), 0, mem, 32))
	attempt("name_to_handle_at", call(unix.SYS_NAME_TO_HANDLE_AT, here, text("/"), mem, mem+512, 0))
	attempt("open_by_handle_at", call(unix.SYS_OPEN_BY_HANDLE_AT, here, mem, unix.O_RDONLY))
	attempt("statmount", call(unix.SYS_STATMOUNT, mem, mem, 512, 0))
	attempt("listmount", call(unix.SYS_LISTMOUNT, mem, mem, 8, 0))
	attempt("kexec_load", call(unix.SYS_KEXEC_LOAD, 0, 0, 0, 0))
	attempt("kexec_file_load", call(unix.SYS_KEXEC_FILE_LOAD, 0, 0, 0, 0, 0))
	attempt("reboot", call(unix.SYS_REBOOT, unix.LINUX_REBOOT_MAGIC1, unix.LINUX_REBOOT_MAGIC2, unix.LINUX_REBOOT_CMD_CAD_OFF, 0))
	attempt("init_module", call(unix.SYS_INIT_MODULE, mem, 4096, text("")))
	attempt("finit_module", call(unix.SYS_FINIT_MODULE, 0, text(""), 0))
	attempt("delete_module", call(unix.SYS_DELETE_MODULE, text("loop"), 0))
	attempt("bpf", call(unix.SYS_BPF, unix.BPF_MAP_CREATE, mem, 72))
	attempt("perf_event_open", call(unix.SYS_PERF_EVENT_OPEN, mem, 0, ^uintptr(0), ^uintptr(0), 0))
	attempt("keyctl", call(unix.SYS_KEYCTL, unix.KEYCTL_GET_KEYRING_ID, ^uintptr(2), 1))
	attempt("add_key", call(unix.SYS_ADD_KEY, text("user"), text("x"), mem, 1, ^uintptr(2)))
	attempt("request_key", call(unix.SYS_REQUEST_KEY, text("user"), text("x"), 0, ^uintptr(2)))
	attempt("userfaultfd", call(unix.SYS_USERFAULTFD, 1))
	attempt("io_uring_setup", call(unix.SYS_IO_URING_SETUP, 1, mem))
	attempt("io_uring_enter", call(unix.SYS_IO_URING_ENTER, 0, 0, 0, 0, 0, 0))
	attempt("io_uring_register", call(unix.SYS_IO_URING_REGISTER, 0, 0, 0, 0))
	attempt("ptrace", call(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0, 0))
	attempt("ptrace parent", call(unix.SYS_PTRACE, unix.PTRACE_SEIZE, parent, 0, 0))
	attempt("process_vm_readv", call(unix.SYS_PROCESS_VM_READV, self, mem, 0, mem, 0, 0))
	attempt("process_vm_writev", call(unix.SYS_PROCESS_VM_WRITEV, self, mem, 0, mem, 0, 0))
	attempt("process_madvise", call(unix.SYS_PROCESS_MADVISE, 0, mem, 0, 0, 0))
	attempt("pidfd_getfd", call(unix.SYS_PIDFD_GETFD, 0, 0, 0))
	attempt("kcmp", call(unix.SYS_KCMP, self, self, 0, 0, 0))
	attempt("swapon", call(unix.SYS_SWAPON, text("/tmp/x"), 0))
	attempt("acct", call(unix.SYS_ACCT, 0))
	attempt("quotactl", call(unix.SYS_QUOTACTL, 0, 0, 0, 0))
	attempt("syslog", call(unix.SYS_SYSLOG, 3, mem, 4096))
	attempt("settimeofday", call(unix.SYS_SETTIMEOFDAY, mem, 0))
	attempt("clock_settime", call(unix.SYS_CLOCK_SETTIME, 0, mem))
	attempt("adjtimex", call(unix.SYS_ADJTIMEX, mem))
	attempt("sethostname", call(unix.SYS_SETHOSTNAME, mem, 1))
	attempt("setdomainname", call(unix.SYS_SETDOMAINNAME, mem, 1))
	attempt("fanotify_init", call(unix.SYS_FANOTIFY_INIT, 0x200, 0))
	attempt("vhangup", call(unix.SYS_VHANGUP))
	attempt("sync", call(unix.SYS_SYNC))
	attempt("memfd_secret", call(unix.SYS_MEMFD_SECRET, 0))
	attempt("vmsplice", call(unix.SYS_VMSPLICE, 0, 0, 0, 0))
	attempt("io_setup", call(unix.SYS_IO_SETUP, 1, mem))
	attempt("move_pages", call(unix.SYS_MOVE_PAGES, self, 0, 0, 0, 0, 0))
	attempt("mbind", call(unix.SYS_MBIND, 0, 0, 0, 0, 0, 0))
	attempt("number from the future", call(600))
	attempt("personality", call(unix.SYS_PERSONALITY, 0x0040000))
	attempt("prctl speculation", unix.Prctl(unix.PR_SET_SPECULATION_CTRL, 0, 2, 0, 0))
	attempt("prctl memory map", unix.Prctl(unix.PR_SET_MM, 1, mem, 0, 0))
	attempt("prctl memory merge", unix.Prctl(unix.PR_SET_MEMORY_MERGE, 1, 0, 0, 0))
	filters()
	attempt("syncfs", call(unix.SYS_SYNCFS, uintptr(net)))
	attempt("quotactl_fd", call(unix.SYS_QUOTACTL_FD, uintptr(net), 0, 0, 0))
	attempt("fanotify_mark", call(unix.SYS_FANOTIFY_MARK, 0, 1, 1, here, text("/")))
	attempt("clock_adjtime", call(unix.SYS_CLOCK_ADJTIME, 0, mem))
	attempt("process_mrelease", call(unix.SYS_PROCESS_MRELEASE, 0, 0))
	attempt("cachestat", call(unix.SYS_CACHESTAT, 0, mem, mem, 0))
	attempt("lsm_set_self_attr", call(unix.SYS_LSM_SET_SELF_ATTR, 100, mem, 64, 0))
	attempt("setxattrat", call(unix.SYS_SETXATTRAT, here, text("/tmp"), 0, text("user.x"), mem, 16))
	attempt("file_setattr", call(unix.SYS_FILE_SETATTR, here, text("/tmp"), mem, 24, 0))
	attempt("migrate_pages", call(unix.SYS_MIGRATE_PAGES, self, 0, 0, 0))
	huge()
	lease()
	machine()
	attempt("terminal input", call(unix.SYS_IOCTL, 0, unix.TIOCSTI, mem))
	runtime.KeepAlive(page)
}

// filters takes of what the machine has for compiled filters: it is gone until the
// process ends, and is nobody's memory.
func filters() {
	attempt("no new privileges", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
	const load, allow = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_RET | unix.BPF_K
	code := slices.Repeat([]unix.SockFilter{{Code: load}}, unix.BPF_MAXINSNS)
	code[len(code)-1] = unix.SockFilter{Code: allow, K: unix.SECCOMP_RET_ALLOW}
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	at := uintptr(unsafe.Pointer(&program))
	attempt("filter", call(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, at))
	attempt("filter by prctl", unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, at, 0, 0))
	runtime.KeepAlive(code)
}

// huge tries to get at the pages that the machine may have set aside for others.
func huge() {
	_, err := unix.Mmap(-1, 0, 2<<20, unix.PROT_READ, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_HUGETLB)
	attempt("huge map", err)
	_, err = unix.MemfdCreate("huge", unix.MFD_HUGETLB)
	attempt("huge memfd", err)
	attempt("huge shared memory", call(unix.SYS_SHMGET, 0, 2<<20, unix.IPC_CREAT|0o4000|0o600))
}

// lease would have whoever opens the file wait.
func lease() {
	fd, err := unix.Open("/tmp/leased", unix.O_CREAT|unix.O_RDONLY|unix.O_CLOEXEC, 0o600)
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_WRLCK)
	}
	attempt("lease", err)
}

// machine tries calls that only amd64 has.
func machine() {
	if runtime.GOARCH != "amd64" {
		return
	}
	for name, number := range map[string]uintptr{"modify_ldt": 154, "_sysctl": 156, "iopl": 172, "ioperm": 173, "set_thread_area": 205} {
		attempt(name, call(number, 3, 3, 3))
	}
}

// sockets tries families that lead into the kernel or around the network
// namespace.
func sockets([]string) {
	for _, s := range []struct {
		name                   string
		family, kind, protocol int
	}{
		{"raw", unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP},
		{"raw6", unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6},
		{"ping", unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP},
		{"mptcp", unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP},
		{"sctp", unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP},
		{"packet", unix.AF_PACKET, unix.SOCK_RAW, 0x300},
		{"packet datagram", unix.AF_PACKET, unix.SOCK_DGRAM, 0x300},
		{"alg", unix.AF_ALG, unix.SOCK_SEQPACKET, 0},
		{"vsock", unix.AF_VSOCK, unix.SOCK_STREAM, 0},
		{"netfilter", unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER},
		{"audit", unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT},
		{"xfrm", unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_XFRM},
		{"uevent", unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_KOBJECT_UEVENT},
		{"diag", unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_SOCK_DIAG},
		{"generic", unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_GENERIC},
		{"bluetooth", unix.AF_BLUETOOTH, unix.SOCK_RAW, 1},
		{"can", unix.AF_CAN, unix.SOCK_RAW, 1},
		{"tipc", unix.AF_TIPC, unix.SOCK_STREAM, 0},
		{"rds", unix.AF_RDS, unix.SOCK_SEQPACKET, 0},
		{"kcm", unix.AF_KCM, unix.SOCK_DGRAM, 0},
		{"xdp", unix.AF_XDP, unix.SOCK_RAW, 0},
		{"key", unix.AF_KEY, unix.SOCK_RAW, 2},
	} {
		_, err := unix.Socket(s.family, s.kind|unix.SOCK_CLOEXEC, s.protocol)
		attempt(s.name, err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.SetsockoptString(fd, unix.SOL_TCP, unix.TCP_ULP, "tls")
	}
	attempt("protocol on top of TCP", err)
}

// privileges tries to become somebody, or to be served before others.
func privileges([]string) {
	attempt("setuid", unix.Setresuid(0, 0, 0))
	attempt("setgid", unix.Setresgid(0, 0, 0))
	attempt("setgroups", unix.Setgroups([]int{0}))
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	all := [2]unix.CapUserData{{Effective: 1 << unix.CAP_SYS_ADMIN, Permitted: 1 << unix.CAP_SYS_ADMIN}}
	attempt("capset", unix.Capset(&header, &all[0]))
	attempt("ambient", unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_SYS_ADMIN, 0, 0))
	attempt("new privileges", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0))
	attempt("nice", unix.Setpriority(unix.PRIO_PROCESS, 0, -20))
	param := [1]uint32{99}
	attempt("real time", call(unix.SYS_SCHED_SETSCHEDULER, 0, unix.SCHED_FIFO, uintptr(unsafe.Pointer(&param))))
	attempt("real-time input and output", call(unix.SYS_IOPRIO_SET, 1, 0, 1<<13))
	attempt("more files", raise(unix.RLIMIT_NOFILE))
	attempt("larger files", raise(unix.RLIMIT_FSIZE))
	attempt("core dumps", raise(unix.RLIMIT_CORE))
	attempt("oom score", os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0))
	attempt("uid map", os.WriteFile("/proc/self/uid_map", []byte("0 0 1"), 0))
}

func raise(resource int) error {
	var now unix.Rlimit
	if err := unix.Getrlimit(resource, &now); err != nil {
		return err
	}
	return unix.Prlimit(0, resource, &unix.Rlimit{Cur: now.Max + 1, Max: now.Max + 1}, nil)
}

// attackInit is against PID 1, which is ebb's.
func attackInit([]string) {
	for _, s := range []unix.Signal{unix.SIGKILL, unix.SIGSTOP, unix.SIGTERM, unix.SIGABRT, unix.SIGSEGV} {
		attempt("kill "+unix.SignalName(s), unix.Kill(1, s))
	}
	attempt("tgkill", unix.Tgkill(1, 1, unix.SIGKILL))
	info := make([]byte, 128)
	attempt("queue", call(unix.SYS_RT_SIGQUEUEINFO, 1, uintptr(unix.SIGKILL), uintptr(unsafe.Pointer(&info[0]))))
	if fd, err := unix.PidfdOpen(1, 0); err != nil {
		attempt("pidfd", err)
	} else {
		attempt("pidfd", unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0))
	}
	attempt("prlimit", unix.Prlimit(1, unix.RLIMIT_NOFILE, &unix.Rlimit{}, nil))
	attempt("affinity", unix.SchedSetaffinity(1, &unix.CPUSet{1}))
	attempt("priority", unix.Setpriority(unix.PRIO_PROCESS, 1, 19))
	for _, name := range []string{"mem", "maps", "environ", "exe", "root", "cwd", "fd", "fd/3", "fdinfo/3", "ns/mnt", "task/1/mem", "stack", "status", "cmdline", "map_files"} {
		_, err := os.Open("/proc/1/" + name)
		attempt("/proc/1/"+name, unwrap(err))
	}
}

// unwrap leaves the errno of a path error, which is the same in all tests.
func unwrap(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
