package process

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ebb-faas/ebb/internal/egress"
	"github.com/ebb-faas/ebb/internal/sandbox"
)

// markName is the environment variable that every process of a box carries.
const markName = "EBB_BOX"

// box implements sandbox.Box.
type box struct {
	d          *Driver
	id         string
	dir        string
	limits     sandbox.Limits
	runtimeAPI net.Listener
	endpoint   net.Listener

	mu        sync.Mutex
	mounts    []sandbox.Mount
	beside    []*os.Process // of Spawn
	ports     map[int]int   // of the box → of the host
	attached  bool
	started   bool
	destroyed bool
	process   *os.Process // nil before Start
	reaped    bool        // its number may be another process's
	state     *os.ProcessState
	conn      net.Conn
	output    *os.File
	exit      sandbox.Exit

	done    chan struct{}
	destroy sync.Once
}

func (b *box) create() error {
	if err := os.MkdirAll(filepath.Join(b.dir, "tmp"), 0o700); err != nil {
		return err
	}
	var err error
	if b.runtimeAPI, err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
		return errors.Join(err, os.RemoveAll(b.dir))
	}
	if b.endpoint, err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
		return errors.Join(err, b.runtimeAPI.Close(), os.RemoveAll(b.dir))
	}
	return nil
}

func (b *box) RuntimeAPI() net.Listener { return b.runtimeAPI }
func (b *box) Endpoint() net.Listener   { return b.endpoint }
func (b *box) Done() <-chan struct{}    { return b.done }

// Path finds the mount that a path is in; the last one that covers it wins. A
// path in no mount is the host's.
func (b *box) Path(inside string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.mounts) - 1; i >= 0; i-- {
		if rest, ok := below(inside, b.mounts[i].Target); ok {
			return b.mounts[i].Source + rest
		}
	}
	if rest, ok := below(inside, "/tmp"); ok {
		return filepath.Join(b.dir, "tmp") + rest
	}
	return inside
}

func below(path, dir string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, dir)
	return rest, ok && (rest == "" || rest[0] == '/')
}

// LimitCPU limits nothing: see Level.
func (b *box) LimitCPU(int) error { return nil }

// SetEgress restricts nothing: see Level.
func (b *box) SetEgress(context.Context, egress.Policy, func(string)) error { return nil }

// Attach only changes what Path says: there is nothing to mount on.
func (b *box) Attach(_ context.Context, mounts []sandbox.Mount, limits sandbox.Limits) error {
	spec := sandbox.Spec{ID: b.id, Mounts: mounts}
	if err := spec.Validate(); err != nil {
		return err
	}
	if err := noFolders(b.id, mounts); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.destroyed:
		return unavailable("box %s: the box was destroyed", b.id)
	case b.attached:
		return unavailable("box %s: it was attached to already", b.id)
	}
	b.attached = true
	b.mounts = append(b.mounts, mounts...)
	b.limits = limits.WithDefaults()
	return nil
}

// noFolders refuses what a function would look for where it cannot be.
func noFolders(id string, mounts []sandbox.Mount) error {
	for _, m := range mounts {
		if m.Folder != nil {
			return unavailable("box %s: %s: folders can be mounted in the linux and rootless sandboxes only", id, m.Target)
		}
	}
	return nil
}

func (b *box) Conn() net.Conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.conn
}

func (b *box) Output() *os.File {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.output
}

func (b *box) Exit() sandbox.Exit {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.exit
}

func (b *box) Usage() sandbox.Usage {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != nil {
		return sandbox.Usage{
			MemoryPeak: peakOf(b.state),
			CPU:        b.state.UserTime() + b.state.SystemTime(),
		}
	}
	if b.process == nil || b.reaped {
		return sandbox.Usage{}
	}
	return usageOf(b.process.Pid)
}

func (b *box) MemoryPeak() int64 { return b.Usage().MemoryPeak }

// Start runs the process in a session of its own.
func (b *box) Start(_ context.Context, p sandbox.Process) error {
	if err := p.Validate(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.destroyed:
		return unavailable("box %s: the box was destroyed", b.id)
	case b.started:
		return unavailable("box %s: a process was started in it already", b.id)
	}
	b.started = true
	if err := b.start(p); err != nil {
		return unavailable("box %s: %w", b.id, err)
	}
	return nil
}

func (b *box) start(p sandbox.Process) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer func() { _ = null.Close() }()
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = write.Close() }()
	files := []*os.File{null, write, write}
	if p.Framed {
		conn, theirs, err := socketPair()
		if err != nil {
			return errors.Join(err, read.Close())
		}
		defer func() { _ = theirs.Close() }()
		files, b.conn = append(files, theirs), conn
	}
	b.output = read
	started, err := b.execute(p, files)
	if err != nil {
		b.exit = sandbox.Exit{Code: -1, Err: err}
		close(b.done)
		return nil
	}
	b.process = started
	go b.wait(started)
	return nil
}

// execute starts a process that carries the box's mark and limits.
func (b *box) execute(p sandbox.Process, files []*os.File) (started *os.Process, err error) {
	env := append(p.Env[:len(p.Env):len(p.Env)], b.d.mark+b.id)
	b.d.onSpawner(func() {
		started, err = os.StartProcess(p.Argv[0], p.Argv,
			&os.ProcAttr{Dir: p.Dir, Env: env, Files: files, Sys: sysProcAttr()})
	})
	if err == nil {
		limit(started.Pid, b.limits)
	}
	return started, err
}

// socketPair returns a connection and a file to hand to a process.
func socketPair() (net.Conn, *os.File, error) {
	// The lock keeps a process that is started meanwhile from inheriting them.
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "socket"), os.NewFile(uintptr(fds[1]), "socket")
	defer func() { _ = ours.Close() }()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn, theirs, nil
}

// wait records how the process ended.
func (b *box) wait(p *os.Process) {
	state, err := p.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reaped = true
	if err != nil {
		b.exit = sandbox.Exit{Code: -1, Err: err}
	} else {
		b.state, b.exit = state, exitOf(state)
	}
	close(b.done)
}

func exitOf(state *os.ProcessState) sandbox.Exit {
	status, ok := state.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return sandbox.Exit{Code: -1, Signal: status.Signal().String()}
	}
	return sandbox.Exit{Code: state.ExitCode()}
}

// Stop sends SIGTERM to the process, and kills the box after grace.
func (b *box) Stop(grace time.Duration) {
	b.mu.Lock()
	p := b.process
	b.mu.Unlock()
	if p == nil {
		b.neverRan()
		return
	}
	if !sandbox.Ask(func() error { return p.Signal(syscall.SIGTERM) }, b.done, grace) {
		b.kill()
		<-b.done
	}
}

// neverRan ends a box without process, so that Start fails from now on.
func (b *box) neverRan() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.started {
		b.started = true
		b.exit = sandbox.Exit{Code: -1, Signal: syscall.SIGKILL.String()}
		close(b.done)
	}
}

// kill ends the process group, and whatever left it but carries the mark.
func (b *box) kill() {
	b.mu.Lock()
	if b.process != nil {
		// The group keeps the number from being given away while anyone of it
		// is left; with nobody left there is nothing to hit unless the number
		// came round within the life of one box.
		_ = syscall.Kill(-b.process.Pid, syscall.SIGKILL)
	}
	b.killBeside()
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	own := b.d.mark + b.id
	if err := killMarked(ctx, own, func(marked string) bool { return marked != own }); err != nil {
		b.d.log.Warn("a box's processes are left", "box", b.id, "error", err)
	}
}

// killTimeout is how long killed processes may take to be gone.
const killTimeout = 10 * time.Second

// Destroy kills all there is and removes the box's directory.
func (b *box) Destroy() {
	b.destroy.Do(func() {
		b.neverRan()
		b.mu.Lock()
		b.destroyed = true
		b.mu.Unlock()
		b.kill()
		<-b.done
		_ = b.runtimeAPI.Close()
		_ = b.endpoint.Close()
		if conn := b.Conn(); conn != nil {
			_ = conn.Close()
		}
		if err := os.RemoveAll(b.dir); err != nil {
			b.d.log.Warn("box not cleaned up", "box", b.id, "error", err)
		}
		b.d.forget(b.id)
	})
}
