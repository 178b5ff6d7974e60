//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// normal does what every program does and must go on being able to do.
func normal([]string) {
	check := func(name string, err error) { // here it is good news
		if err != nil {
			fmt.Printf("%s: %v\n", name, err)
		}
	}
	_, err := net.InterfaceAddrs() // netlink
	check("interfaces", err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check("listen", err)
	if err == nil {
		conn, err := net.Dial("tcp", l.Addr().String())
		check("connect", err)
		if err == nil {
			_ = conn.Close()
		}
	}
	_, err = net.Listen("unix", "@own")
	check("abstract listen", err)
	_, err = net.Dial("unix", "@own")
	check("abstract connect", err)
	check("child", exec.Command("/bin/sh", "-c", "true > /dev/null && echo x | cat > /tmp/sub && mv /tmp/sub /dev/shm/sub && kill -0 $$").Run())
	fd, err := unix.MemfdCreate("x", 0)
	check("memfd", err)
	if err == nil {
		_, err = unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
		check("map", err)
	}
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	check("map", err)
	check("make executable", unix.Mprotect(page, unix.PROT_READ|unix.PROT_EXEC))
	check("fifo", unix.Mkfifo("/tmp/fifo", 0o600))
	check("directory", os.MkdirAll("/tmp/a/b/c", 0o755))
	check("move", os.Rename("/tmp/a/b/c", "/tmp/c"))
	check("link", os.Symlink("c", "/tmp/l"))
	check("thread name", os.WriteFile("/proc/self/comm", []byte("name"), 0))
	check("remove", os.RemoveAll("/tmp/a"))
	_, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	check("socket pair", err)
	check("device", os.WriteFile("/dev/null", []byte("x"), 0))
}

// forks starts as many processes as it can, at most that many, that stay.
func forks(args []string) {
	started := 0
	var err error
	for range number(args[0]) {
		if err = start("sleep", nil); err != nil {
			break
		}
		started++
	}
	fmt.Printf("forks: %d %v\n", started, err)
}

func start(what string, files []uintptr) error {
	path := map[string]string{"sleep": "/bin/sleep", "true": "/bin/true"}[what]
	_, err := syscall.ForkExec(path, []string{what, "600"}, &syscall.ProcAttr{Files: files,
		Sys: &syscall.SysProcAttr{Setsid: true}})
	return err
}

// zombies leaves the dead lying about: its own, and orphans for PID 1 to reap.
func zombies(args []string) {
	own := 0
	var err error
	for range number(args[0]) {
		if err = start("true", nil); err != nil {
			break
		}
		own++
	}
	fmt.Printf("zombies: %d %v\n", own, err)
}

func threads(args []string) {
	n := 0
	var wg sync.WaitGroup
	for range number(args[0]) {
		wg.Go(func() {
			_ = unix.Nanosleep(&unix.Timespec{Nsec: 1e8}, nil) // a thread each
		})
		n++
	}
	wg.Wait()
	fmt.Println("threads:", n)
}

// inodes makes as many empty files as it can in a directory.
func inodes(args []string) {
	made := 0
	var err error
	for i := range number(args[1]) {
		var fd int
		if fd, err = unix.Open(fmt.Sprintf("%s/%d", args[0], i), unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o600); err != nil {
			break
		}
		_ = unix.Close(fd)
		made++
	}
	fmt.Printf("inodes: %d %v\n", made, err)
}

// descriptors opens as many as it can, then sends them to itself, where they
// count for nobody until they are received.
func descriptors(args []string) {
	limit := number(args[0])
	opened := 0
	var err error
	for range limit {
		if _, err = unix.Open("/dev/null", unix.O_RDONLY, 0); err != nil {
			break
		}
		opened++
	}
	fmt.Printf("descriptors: %d %v\n", opened, err)
	for fd := 10; fd < 20; fd++ {
		_ = unix.Close(fd)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	rights := make([]int, 200)
	for i := range rights {
		rights[i] = 0
	}
	flying := 0
	for range limit {
		if err = unix.Sendmsg(pair[0], []byte("x"), unix.UnixRights(rights...), nil, 0); err != nil {
			break
		}
		flying += len(rights)
	}
	fmt.Printf("in flight: %d %v\n", flying, err)
}

// connections opens as many to an address as it can and keeps them, sending the
// beginning of a request on each.
func connections(args []string) {
	open := 0
	var conns []net.Conn
	for range number(args[1]) {
		conn, err := net.DialTimeout("tcp", args[0], 100*time.Millisecond)
		if err != nil {
			break
		}
		_, _ = conn.Write([]byte("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nX-Slow: "))
		conns = append(conns, conn)
		open++
	}
	fmt.Println("connections:", open)
	if len(args) > 2 {
		_ = os.NewFile(3, "framed").Close()
		forever()
	}
	for _, c := range conns {
		_ = c.Close()
	}
}

// buffers fills the socket buffers of many connections to itself.
func buffers(args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	block := make([]byte, 1<<20)
	sent := 0
	for range number(args[0]) {
		conn, err := net.DialTimeout("tcp", l.Addr().String(), time.Second)
		if err != nil {
			break
		}
		if _, err := l.Accept(); err != nil {
			break
		}
		_ = conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		for {
			n, err := conn.Write(block)
			sent += n
			if err != nil {
				break
			}
		}
	}
	fmt.Println("buffered:", sent>>20)
	fmt.Println("ready")
	forever()
}

// netlinks asks for the devices of its network, over and over, on so many sockets, and
// takes none of the answers.
func netlinks(args []string) {
	ask := [32]byte{0: 32, 4: unix.RTM_GETLINK, 6: unix.NLM_F_REQUEST, 8: 1, 20: 1}
	asked := 0
	for range number(args[0]) {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)
		if err != nil {
			fmt.Println("error:", err)
			break
		}
		for range 150 {
			if _, err := unix.Write(fd, ask[:]); err != nil {
				break
			}
			asked++
		}
	}
	fmt.Printf("netlink: %d\n", asked)
	forever()
}

// corks begins as many UDP packets as it can, and sends none of them.
func corks(args []string) {
	payload := make([]byte, 60_000)
	to := &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}
	begun := 0
	for range number(args[0]) {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		if err == nil {
			_, err = unix.SendmsgN(fd, payload, nil, to, unix.MSG_MORE)
		}
		if err != nil {
			fmt.Println("error:", err)
			break
		}
		begun++
	}
	fmt.Printf("corks: %d\n", begun)
	forever()
}
