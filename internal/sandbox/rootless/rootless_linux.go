package rootless

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// variable is how the second process knows itself: by the first one's number, after
// mapped once its ids are.
const (
	variable = "EBB_ROOTLESS"
	mapped   = "mapped:"
)

// Descriptors of the second process.
const (
	askFD   = 3 // a byte when the ids are mapped, and one for each request to stop
	replyFD = 4 // nothing: accepted, else why not
)

// Needed tells whether this process lacks what boxes take, and is not the second one.
func Needed() bool {
	return !privileged() && Outer() == 0
}

// privileged tells whether this process may make namespaces and mounts.
func privileged() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	return unix.Capget(&header, &caps[0]) == nil && caps[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// Outer is the first process where this is the second, else 0.
func Outer() int {
	text := strings.TrimPrefix(os.Getenv(variable), mapped)
	pid, err := strconv.Atoi(text)
	if err != nil || pid != os.Getppid() {
		return 0
	}
	return pid
}

// Run has this program run again as root of a user namespace, and returns how that
// ended. refused says why it could not be, and that nothing was done.
func Run() (state *os.ProcessState, refused error) {
	// The kernel takes the end of this thread for that of the parent.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, stops[0], stops[1], unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
	defer signal.Stop(signals)
	cmd, ask, reply, err := begin()
	if err != nil {
		return nil, err
	}
	defer func() { _ = ask.Close() }()
	ended := make(chan struct{})
	defer func() { <-ended }()
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	answer, err := handshake(cmd.Process.Pid, ask, reply)
	if err != nil || answer != "" {
		_ = cmd.Process.Kill()
		return nil, errors.Join(err, reason(answer))
	}
	for {
		select {
		case <-ended:
			return cmd.ProcessState, nil
		case s := <-signals:
			if s == stops[0] || s == stops[1] {
				_, _ = ask.Write([]byte{1})
			} else {
				_ = cmd.Process.Signal(s)
			}
		}
	}
}

// stops are the signals that ask to stop.
var stops = [...]os.Signal{os.Interrupt, unix.SIGTERM}

func reason(answer string) error {
	if answer == "" {
		return nil
	}
	return errors.New(answer)
}

// begin starts the second process, which waits for its ids.
func begin() (cmd *exec.Cmd, ask, reply *os.File, err error) {
	theirAsk, ask, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() { _ = theirAsk.Close() }()
	reply, theirReply, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, errors.Join(err, ask.Close())
	}
	defer func() { _ = theirReply.Close() }()
	cmd = &exec.Cmd{
		Path: "/proc/self/exe", Args: os.Args,
		Env:   append(os.Environ(), variable+"="+strconv.Itoa(os.Getpid())),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, ExtraFiles: []*os.File{theirAsk, theirReply},
		SysProcAttr: &syscall.SysProcAttr{
			Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL,
		},
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, nil, errors.Join(fmt.Errorf("user namespaces: %w", err), ask.Close(), reply.Close())
	}
	return cmd, ask, reply, nil
}

// handshake maps the ids of the second process and hears what it says to that.
func handshake(pid int, ask, reply *os.File) (answer string, err error) {
	defer func() { _ = reply.Close() }()
	if err := mapIDs(pid); err != nil {
		return "", fmt.Errorf("user namespaces: %w", err)
	}
	if _, err := ask.Write([]byte{1}); err != nil {
		return "", fmt.Errorf("user namespaces: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(reply, 4096))
	if err == nil && len(text) == 0 {
		err = errors.New("the process in a user namespace ended before it began")
	}
	return strings.TrimPrefix(string(text), accepted), err
}

// accepted is the whole answer of a second process that goes on.
const accepted = "+"

// Resume is the first thing in main. In the second process it waits for its ids,
// has itself executed with the privileges that come with them, and makes sure that
// it ends with the first. Elsewhere it does nothing.
func Resume() error {
	outer := Outer()
	if outer == 0 {
		return nil
	}
	if !strings.HasPrefix(os.Getenv(variable), mapped) {
		if n, err := unix.Read(askFD, make([]byte, 1)); n != 1 {
			return errors.Join(errGone, err)
		}
		if err := os.Setenv(variable, mapped+strconv.Itoa(outer)); err != nil {
			return err
		}
		return os.NewSyscallError("exec", syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
	}
	unix.CloseOnExec(askFD)
	unix.CloseOnExec(replyFD)
	// With its privileges the process has lost what its parent had set.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	if Outer() == 0 {
		return errGone
	}
	// Else the process is called exe.
	return os.WriteFile("/proc/self/comm", []byte(filepath.Base(os.Args[0])), 0)
}

var errGone = errors.New("the process that started this one in a user namespace is gone")

// Accept answers the first process: with nil this one goes on, and stop is called
// when the first is asked to stop; it must not change what signals do, which may
// come too, for the same request. Else it says why not, and should end. Where
// this is no second process it does nothing.
func Accept(refused error, stop context.CancelFunc) {
	if Outer() == 0 {
		return
	}
	reply := os.NewFile(replyFD, "reply")
	if refused != nil {
		_, _ = io.WriteString(reply, refused.Error())
	} else {
		_, _ = io.WriteString(reply, accepted)
	}
	_ = reply.Close()
	go heed(os.NewFile(askFD, "requests to stop"), stop)
}

// heed stops at the first request and ends at the second.
func heed(ask *os.File, stop context.CancelFunc) {
	request := make([]byte, 1)
	for range 2 {
		if n, _ := ask.Read(request); n == 0 {
			return // the first process is gone: see Resume
		}
		stop()
	}
	signal.Reset(unix.SIGTERM)
	_ = unix.Kill(os.Getpid(), unix.SIGTERM)
}

// EndAs ends this process as another one did.
func EndAs(state *os.ProcessState) {
	status, ok := state.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		signal.Reset(status.Signal())
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) // it has its core already
		_ = unix.Kill(os.Getpid(), status.Signal())
		select {} // until it comes
	}
	os.Exit(state.ExitCode())
}
