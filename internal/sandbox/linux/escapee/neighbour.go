//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// sharedKey of System V memory, sharedName of abstract sockets: both programs
// know them.
const (
	sharedKey  = 0x65626221
	sharedName = "escapee-neighbour"
	sharedPort = "127.0.0.1:8477"
)

// neighbour holds a secret everywhere it can be held, listens wherever it can,
// and then echoes what comes in on the framed socket: it is the box that must
// not notice anything.
func neighbour(args []string) {
	secret := []byte(args[0])
	for _, dir := range []string{"/tmp", "/dev/shm"} {
		if err := os.WriteFile(filepath.Join(dir, "secret"), secret, 0o666); err != nil {
			fmt.Println("error:", err)
		}
	}
	if id, err := unix.SysvShmGet(sharedKey, 4096, unix.IPC_CREAT|0o666); err != nil {
		if !errors.Is(err, unix.ENOSYS) { // there is none where no cgroup would count it
			fmt.Println("error:", err)
		}
	} else if at, err := unix.SysvShmAttach(id, 0, 0); err != nil {
		fmt.Println("error:", err)
	} else {
		copy(at, secret)
	}
	if err := queue(unix.O_CREAT); err != nil && !errors.Is(err, unix.EACCES) { // Landlock has no path for them
		fmt.Println("error:", err)
	}
	for _, l := range [][2]string{{"tcp", sharedPort}, {"unix", "@" + sharedName}, {"unix", "/tmp/socket"}, {"unix", "/dev/shm/socket"}} {
		listener, err := net.Listen(l[0], l[1])
		if err != nil {
			fmt.Println("error:", err)
			continue
		}
		go serve(listener, secret)
	}
	fmt.Println("ready")
	framed := os.NewFile(3, "framed")
	_, _ = io.Copy(framed, framed)
}

// queue opens a POSIX message queue, whose names are of the IPC namespace.
func queue(flags uintptr) error {
	return call(unix.SYS_MQ_OPEN, text(sharedName), unix.O_RDWR|flags, 0o666, 0)
}

func serve(l net.Listener, secret []byte) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write(secret)
		_ = conn.Close()
	}
}

// hunt looks for a neighbour's secret, of which it knows the beginning, and for
// its listeners.
func hunt(args []string) {
	prefix := []byte(args[0])
	own := ownThreads()
	seen := 0
	for pid := 1; pid <= 1<<16; pid++ {
		p := strconv.Itoa(pid)
		if own[p] || unix.Access("/proc/"+p, unix.F_OK) != nil {
			continue
		}
		seen++
		for _, name := range []string{"environ", "cmdline", "mem", "maps", "root/tmp/secret", "cwd/secret", "fd/0", "exe"} {
			search("/proc/"+p+"/"+name, prefix)
		}
	}
	fmt.Println("other processes:", seen)
	for _, dir := range []string{"/tmp", "/dev/shm", "/run", "/var", "/mnt"} {
		_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				search(path, prefix)
			}
			return nil
		})
	}
	_, err := unix.SysvShmGet(sharedKey, 4096, 0)
	attempt("shared memory", err)
	attempt("message queue", queue(0))
	dialEach([][2]string{{"tcp", sharedPort}, {"unix", "@" + sharedName}, {"unix", "/tmp/socket"}, {"unix", "/dev/shm/socket"}})
}

// ownThreads are names that /proc has for this process: each thread's number is
// one, though none but the first is listed.
func ownThreads() map[string]bool {
	names := make(map[string]bool)
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		fmt.Println("error:", err)
	}
	for _, e := range entries {
		names[e.Name()] = true
	}
	return names
}

// search reads a little of a file; some never end.
func search(path string, prefix []byte) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, 1<<20)
	n, _ := f.Read(b)
	if i := bytes.Index(b[:n], prefix); i >= 0 {
		fmt.Printf("found in %s: %s\n", path, b[i:min(i+40, n)])
	}
}

// dial tries addresses: NETWORK ADDRESS, and so on.
func dial(args []string) {
	var list [][2]string
	for i := 0; i+1 < len(args); i += 2 {
		list = append(list, [2]string{args[i], args[i+1]})
	}
	dialEach(list)
}

func dialEach(list [][2]string) {
	for _, to := range list {
		conn, err := net.DialTimeout(to[0], to[1], 2*time.Second)
		if err == nil && to[0] == "udp" { // connecting proves nothing yet
			_, err = conn.Write([]byte("x"))
			if err == nil {
				_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
				_, err = conn.Read(make([]byte, 8))
			}
		}
		attempt("dial "+to[1], unwrap(err))
	}
}

// killAll signals every process number there is, and everybody at once.
func killAll([]string) {
	hit := 0
	for pid := 1; pid <= 1<<16; pid++ {
		if stays(pid) && unix.Kill(pid, unix.SIGKILL) == nil {
			hit++
		}
	}
	fmt.Println("killed:", hit)
	attempt("kill everybody", unix.Kill(-1, unix.SIGKILL))
}

// stays reports whether somebody else has this number and may be signalled, and goes
// on to be there. The thread of ebb-init that this process was forked from is confined
// like it, so that Landlock keeps them apart no more, and may not have ended yet.
func stays(pid int) bool {
	for range 500 {
		if unix.Kill(pid, 0) != nil || ownThreads()[strconv.Itoa(pid)] {
			return false
		}
		time.Sleep(10 * time.Millisecond)
	}
	return true
}
