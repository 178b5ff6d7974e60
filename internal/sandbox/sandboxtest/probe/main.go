package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: probe WHAT [ARGUMENT...]")
		os.Exit(2)
	}
	actions := map[string]func(args []string){
		"cat": cat, "catlater": catLater, "daemon": daemon, "dial": dial, "echo": echo, "env": env, "exit": exit,
		"bulk": bulk, "fill": fill, "fork": fork, "hog": hog, "hold": hold, "ls": ls, "print": printBoth, "serve": serve,
		"signal": raise, "sleep": sleep, "stat": stat, "stubborn": stubborn, "talk": talk, "talklater": talkLater, "syscall": trySyscall, "term": term,
		"write": write,
	}
	do, ok := actions[os.Args[1]]
	if !ok {
		fmt.Fprintln(os.Stderr, "probe does not know", os.Args[1])
		os.Exit(2)
	}
	do(os.Args[2:])
}

// fail prints an error as the tests expect it and ends well: to be refused is
// what most of them are about.
func fail(err error) {
	fmt.Println("error:", err)
	os.Exit(0)
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		fail(err)
	}
	return n
}

func exit(args []string) { os.Exit(number(args[0])) }

// raise ends by a signal, as a crash does.
func raise(args []string) {
	signal.Reset()
	if err := syscall.Kill(os.Getpid(), syscall.Signal(number(args[0]))); err != nil {
		fail(err)
	}
	forever()
}

// forever outlasts every test. (An empty select would be found to be a deadlock.)
func forever() { <-time.After(time.Hour) }

func printBoth(args []string) {
	fmt.Fprintln(os.Stdout, "out", strings.Join(args, " "))
	fmt.Fprintln(os.Stderr, "err", strings.Join(args, " "))
}

func env([]string) {
	for _, v := range os.Environ() {
		fmt.Println(v)
	}
}

// catLater prints the files whose paths come in on the framed socket, a line
// each: it is a process that is told later what it works on.
func catLater([]string) {
	paths := bufio.NewScanner(os.NewFile(3, "framed"))
	for paths.Scan() {
		content, err := os.ReadFile(paths.Text())
		if err != nil {
			fail(err)
		}
		fmt.Printf("%s\n", content)
	}
}

// echo returns what comes in on the framed socket, until its end.
func echo([]string) {
	f := os.NewFile(3, "framed")
	if _, err := io.Copy(f, f); err != nil {
		fail(err)
	}
}

// dial prints what each listener says.
func dial(args []string) {
	for _, address := range args {
		conn, err := net.DialTimeout("tcp", address, 20*time.Second)
		if err != nil {
			fail(err)
		}
		_, _ = io.Copy(os.Stdout, conn)
	}
}

// talk connects to each NETWORK ADDRESS, says hello, ends its side and prints what
// comes back, or why not.
func talk(args []string) {
	for i := 0; i+1 < len(args); i += 2 {
		fmt.Printf("%s: %s\n", args[i+1], exchange(args[i], args[i+1]))
	}
}

// talkLater is talk with targets that come in on the framed socket, one a line,
// as NETWORK ADDRESS.
func talkLater([]string) {
	lines := bufio.NewScanner(os.NewFile(3, "framed"))
	for lines.Scan() {
		talk(strings.Fields(lines.Text()))
	}
}

func exchange(network, address string) string {
	conn, err := net.DialTimeout(network, address, 20*time.Second)
	if err != nil {
		return short(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, "hello"); err != nil {
		return short(err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
		b, err := io.ReadAll(conn)
		if err != nil {
			return string(b) + short(err)
		}
		return string(b)
	}
	b := make([]byte, 1500)
	n, err := conn.Read(b)
	if err != nil {
		return short(err)
	}
	return string(b[:n])
}

// hold opens so many connections and says how many stay open.
func hold(args []string) {
	held := 0
	for range number(args[1]) {
		conn, err := net.DialTimeout("tcp", args[0], 20*time.Second)
		if err != nil {
			continue
		}
		_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			held++
		}
	}
	fmt.Println("held", held)
}

// bulk sends so many bytes to the first address, which counts them, and takes
// what the second sends, at leisure.
func bulk(args []string) {
	conn, err := net.DialTimeout("tcp", args[0], 20*time.Second)
	if err != nil {
		fail(err)
	}
	block := make([]byte, 1<<16)
	for range number(args[1]) / len(block) {
		if _, err := conn.Write(block); err != nil {
			fail(err)
		}
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		fail(err)
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		fail(err)
	}
	fmt.Printf("sent %s\n", b)
	if conn, err = net.DialTimeout("tcp", args[2], 20*time.Second); err != nil {
		fail(err)
	}
	n, err := io.Copy(io.Discard, conn)
	if err != nil {
		fail(err)
	}
	fmt.Println("received", n)
}

// short is an error without addresses.
func short(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.Err
	}
	return err.Error()
}

// serve returns what comes in on each connection to a port: PORT [ADDRESS].
func serve(args []string) {
	host := "127.0.0.1"
	if len(args) > 1 {
		host = args[1]
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, args[0]))
	if err != nil {
		fail(err)
	}
	fmt.Println("ready")
	for {
		conn, err := l.Accept()
		if err != nil {
			fail(err)
		}
		go func() {
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}()
	}
}

func cat(args []string) {
	for _, path := range args {
		b, err := os.ReadFile(path)
		if err != nil {
			fmt.Println("error:", err)
		}
		_, _ = os.Stdout.Write(b)
	}
}

func ls(args []string) {
	entries, err := os.ReadDir(args[0])
	if err != nil {
		fail(err)
	}
	for _, e := range entries {
		fmt.Println(e.Name())
	}
}

// stat prints owner and mode.
func stat(args []string) {
	var st syscall.Stat_t
	if err := syscall.Stat(args[0], &st); err != nil {
		fail(err)
	}
	fmt.Printf("uid %d gid %d mode %o\n", st.Uid, st.Gid, st.Mode&0o7777)
}

func write(args []string) {
	if err := os.WriteFile(args[0], []byte("written"), 0o644); err != nil {
		fail(err)
	}
	fmt.Println("written", args[0])
}

// fill writes at most that many MB to a file and says how many went in.
func fill(args []string) {
	f, err := os.Create(args[0])
	if err != nil {
		fail(err)
	}
	block := make([]byte, 1<<20)
	for i := range number(args[1]) {
		if _, err := f.Write(block); err != nil {
			fmt.Println("full", i, err)
			return
		}
	}
	fmt.Println("wrote", args[1])
}

// hog uses that many MB of memory.
func hog(args []string) {
	var kept [][]byte
	for range number(args[0]) {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		kept = append(kept, block)
	}
	fmt.Println("used", len(kept))
}

// fork starts at most that many processes that stay, and says how many it could.
func fork(args []string) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		fail(err)
	}
	fd := null.Fd()
	started := 0
	for range number(args[0]) {
		_, err = syscall.ForkExec("/bin/sleep", []string{"sleep", "600"},
			&syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{fd, fd, fd}})
		if err != nil {
			break
		}
		started++
	}
	fmt.Println("started", started, err)
}

// sleep says that it runs and stays.
func sleep([]string) {
	fmt.Println("ready")
	forever()
}

// term ends in its own way when asked to.
func term([]string) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	fmt.Println("ready")
	<-asked
	fmt.Println("asked to end")
	os.Exit(3)
}

// stubborn stays when asked to end.
func stubborn([]string) {
	signal.Ignore(syscall.SIGTERM)
	sleep(nil)
}

// daemon leaves a process behind that has a session and parent of its own and
// holds none of our descriptors: probe → probe → probe sleep TOKEN.
func daemon(args []string) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		fail(err)
	}
	self, err := os.Executable()
	if err != nil {
		fail(err)
	}
	fd := null.Fd()
	attr := &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{fd, fd, fd},
		Sys: &syscall.SysProcAttr{Setsid: true},
	}
	if args[0] == "again" {
		if _, err := syscall.ForkExec(self, []string{"probe", "sleep", args[1]}, attr); err != nil {
			os.Exit(1)
		}
		return
	}
	pid, err := syscall.ForkExec(self, []string{"probe", "daemon", "again", args[0]}, attr)
	if err != nil {
		fail(err)
	}
	if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
		fail(err)
	}
	fmt.Println("left behind")
}
