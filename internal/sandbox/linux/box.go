//go:build linux

package linux

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// box implements sandbox.Box. Its fields in the first group are written before
// Create returns and by Destroy only.
type box struct {
	d          *Driver
	id         string
	limits     sandbox.Limits
	image      bool        // its root is an image's
	uid, gid   int         // of its process, on the host; 0: none taken
	ids        *idRange    // of the image's users; nil: there is one user only
	user       *ebb.User   // who the process is, with ids
	init       *os.Process // PID 1 of the box
	ctl        *net.UnixConn
	group      *group
	tmp        *os.File // the mount of the disk with /tmp, or nil
	tmpDir     string   // the directory instead of that, or ""
	imageTree  *os.File // the image's tree until ebb-init has it, or nil
	writable   []string // where the process may write at all
	runtimeAPI net.Listener
	endpoint   net.Listener
	watched    bool // a watch goroutine closes done

	mu        sync.Mutex
	started   bool
	attaching bool
	destroyed bool
	throttled bool // there is a hard limit of CPU time
	argv0     string
	conn      net.Conn
	output    *os.File
	exit      sandbox.Exit
	last      sandbox.Usage // read just before the group went

	flooded atomic.Bool // it was killed for memory of the kernel that no cgroup counts

	ice    sync.Mutex // guards frozen; held while it changes
	frozen bool
	egress sync.Mutex          // one change of the way out at a time
	way    atomic.Pointer[way] // nil until SetEgress
	gone   bool                // there will be no way any more

	companions companions
	dials      dials
	done       chan struct{}
	ended      sync.Once // closes done
	destroy    sync.Once
}

func (b *box) RuntimeAPI() net.Listener { return b.runtimeAPI }
func (b *box) Endpoint() net.Listener   { return b.endpoint }
func (b *box) Path(inside string) string {
	return inside
}
func (b *box) Done() <-chan struct{} { return b.done }

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
	if b.destroyed {
		return b.last
	}
	u := b.group.usage()
	if w := b.way.Load(); w != nil {
		u.Egress = w.relay.Usage()
	}
	return u
}

func (b *box) MemoryPeak() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.destroyed {
		return b.last.MemoryPeak
	}
	return b.group.memoryPeak()
}

// LimitCPU sets a hard limit, or takes it away.
func (b *box) LimitCPU(thousandths int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.destroyed:
		return unavailable("box %s: %w", b.id, errGone)
	case thousandths == 0 && !b.throttled:
		return nil
	}
	b.throttled = thousandths > 0
	if err := b.group.quota(thousandths); err != nil {
		return unavailable("box %s: CPU: %w", b.id, err)
	}
	return nil
}

// errGone is a Start after Destroy; errStarted a second Start.
var (
	errGone    = errors.New("the box was destroyed")
	errStarted = errors.New("a process was started in it already")
)

// Start sends the process to ebb-init, which answers to watch.
func (b *box) Start(_ context.Context, p sandbox.Process) error {
	validate := p.Validate
	if b.image {
		validate = p.ValidateInRoot
	}
	if err := validate(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.destroyed:
		return unavailable("box %s: %w", b.id, errGone)
	case b.started:
		return unavailable("box %s: %w", b.id, errStarted)
	}
	b.started, b.argv0 = true, p.Argv[0]
	if err := b.start(p); err != nil {
		return unavailable("box %s: %w", b.id, err)
	}
	return nil
}

func (b *box) start(p sandbox.Process) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = write.Close() }()
	if err := b.ownOutput(write); err != nil {
		return errors.Join(err, read.Close())
	}
	files := []*os.File{write}
	var conn *net.UnixConn
	if p.Framed {
		var theirs *os.File
		if conn, theirs, err = socketPair(unix.SOCK_STREAM); err != nil {
			return errors.Join(err, read.Close())
		}
		defer func() { _ = theirs.Close() }()
		files = append(files, theirs)
	}
	if err := b.send(b.startMessage(0, &p), files...); err != nil {
		if conn != nil {
			err = errors.Join(err, conn.Close())
		}
		return errors.Join(err, read.Close())
	}
	b.output = read
	if conn != nil {
		b.conn = conn
	}
	return nil
}

// startMessage has ebb-init start p. The process of Start has number 0.
func (b *box) startMessage(number uint64, p *sandbox.Process) []byte {
	start := &initproto.Start{
		Number: number, Argv: p.Argv, Env: p.Env, Dir: p.Dir,
		Framed: p.Framed, AttachLater: p.AttachLater, Rlimits: b.rlimits(),
		Landlock: b.d.landlock, Writable: b.writable, Uncounted: b.d.watch != nil,
	}
	b.asUser(start)
	return start.Encode()
}

func (b *box) rlimits() []initproto.Rlimit {
	limits := []initproto.Rlimit{
		{Resource: unix.RLIMIT_CORE, Value: 0},
		{Resource: unix.RLIMIT_NOFILE, Value: uint64(b.limits.Files)},
		{Resource: unix.RLIMIT_FSIZE, Value: uint64(b.limits.FileSizeMB) << 20},
	}
	if b.d.groups.pids == "" {
		most := b.limits.PIDs
		if b.d.uids.shared {
			most += initPIDs // ebb-init is the same user
		}
		limits = append(limits, initproto.Rlimit{Resource: unix.RLIMIT_NPROC, Value: uint64(most)})
	}
	return limits
}

// watch hears from ebb-init how the process ended. The end of the socket is the
// end of the box, and of the goroutine.
func (b *box) watch() {
	for {
		message, files, err := b.receive()
		if initproto.KindOf(message) == initproto.KindDialed {
			b.dials.answer(message, files)
			continue
		}
		for _, f := range files {
			_ = f.Close()
		}
		if err != nil {
			killed := b.oomChecked(sandbox.Exit{Code: -1, Signal: unix.SIGKILL.String()})
			b.companions.endAll(killed)
			b.finish(killed)
			return
		}
		var exit initproto.Exit
		switch initproto.KindOf(message) {
		case initproto.KindExit:
			if exit.Decode(message) {
				b.group.had(int64(exit.MaxRSS), time.Duration(exit.CPU)*time.Microsecond)
				b.ends(exit.Number, b.oomChecked(exitOf(syscall.WaitStatus(exit.WaitStatus))))
			}
		case initproto.KindFailed:
			number, err := failure(message)
			b.ends(number, sandbox.Exit{Code: -1, Err: err})
		}
	}
}

func exitOf(status syscall.WaitStatus) sandbox.Exit {
	if status.Signaled() {
		return sandbox.Exit{Code: -1, Signal: status.Signal().String()}
	}
	return sandbox.Exit{Code: status.ExitStatus()}
}

// oomChecked tells running out of memory from other deaths. A process that ended
// well did so whatever became of its children.
func (b *box) oomChecked(e sandbox.Exit) sandbox.Exit {
	e.OOM = e.Code != 0 && (b.flooded.Load() || b.group.hitMemoryLimit())
	return e
}

func (b *box) finish(e sandbox.Exit) {
	b.ended.Do(func() {
		b.mu.Lock()
		b.exit = e
		b.mu.Unlock()
		close(b.done)
	})
}

// Stop sends SIGTERM to the process, and SIGKILL to PID 1 after grace.
func (b *box) Stop(grace time.Duration) {
	b.mu.Lock()
	started := b.started
	b.mu.Unlock()
	term := initproto.Signal{Number: uint32(unix.SIGTERM)}
	if started && sandbox.Ask(func() error { return b.send(term.Encode()) }, b.done, grace) {
		return
	}
	_ = b.init.Kill()
	<-b.done
}

// Destroy kills PID 1. The kernel then kills and reaps all else in the PID
// namespace before it lets us reap PID 1, so that waiting for it is enough.
func (b *box) Destroy() {
	b.destroy.Do(func() {
		if b.init != nil {
			_ = b.init.Kill()
			if b.group != nil {
				b.ice.Lock()
				b.group.release()
				b.ice.Unlock()
			}
			_, _ = b.init.Wait()
		}
		b.mu.Lock()
		b.destroyed = true
		if b.group != nil {
			b.last = b.group.usage()
			if w := b.way.Load(); w != nil {
				b.last.Egress = w.relay.Usage()
			}
		}
		closers := []io.Closer{b.ctl, b.runtimeAPI, b.endpoint, b.conn}
		b.mu.Unlock()
		if b.watched {
			<-b.done // before the counters of the group go
		} else {
			b.finish(sandbox.Exit{Code: -1, Signal: unix.SIGKILL.String()})
		}
		closeAll(closers)
		b.d.forget(b)
		b.d.backlog <- struct{}{}
		go b.clean()
	})
}

// closeAll closes what is there. Errors mean that the caller closed it before.
func closeAll(list []io.Closer) {
	for _, c := range list {
		switch v := c.(type) {
		case nil:
		case *net.UnixConn:
			if v != nil {
				_ = v.Close()
			}
		default:
			_ = c.Close()
		}
	}
}

// clean does what nobody needs to wait for: giving up /tmp writes back what is
// dirty in it, and a group stays busy for a while.
func (b *box) clean() {
	defer func() {
		<-b.d.backlog
		b.d.cleaning.Done()
	}()
	b.closeWay()
	var errs []error
	for _, f := range []*os.File{b.tmp, b.imageTree} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	if b.tmpDir != "" {
		errs = append(errs, os.RemoveAll(b.tmpDir))
	}
	if b.group != nil {
		errs = append(errs, b.group.remove())
		b.d.ahead.forget(b.group.name)
	}
	b.anonymise()
	if err := errors.Join(errs...); err != nil {
		b.d.log.Warn("box not cleaned up", "box", b.id, "error", err)
	}
}
