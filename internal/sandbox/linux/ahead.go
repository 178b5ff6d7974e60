//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

// blank is what all boxes have in common before it is known what one is for:
// ebb-init, waiting in its own namespaces and groups. It is made for one box or
// made ahead, and either way used once.
type blank struct {
	init  *os.Process
	ctl   *net.UnixConn
	group *group
}

// newBlank makes one. What it took before an error is given back.
func (d *Driver) newBlank(name string, limits sandbox.Limits) (*blank, error) {
	ours, theirs, err := socketPair(unix.SOCK_SEQPACKET)
	if err != nil {
		return nil, err
	}
	defer func() { _ = theirs.Close() }()
	s := &blank{ctl: ours}
	attr := &syscall.SysProcAttr{Cloneflags: namespaces, Setsid: true}
	if d.rootless != nil {
		d.rootless.enclose(attr)
	}
	s.init, err = d.startInit(theirs, attr)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start ebb-init: %w", err), ours.Close())
	}
	// All this goes on while ebb-init starts.
	if s.group, err = d.groups.create(name, limits); err == nil {
		err = s.group.join(s.init.Pid)
	}
	if err != nil {
		return nil, errors.Join(err, s.discard())
	}
	return s, nil
}

// alive reports whether ebb-init still waits. Waiting costs it nothing, but the
// machine may have run out of memory.
func (s *blank) alive() bool {
	return s.init.Signal(syscall.Signal(0)) == nil
}

func (s *blank) discard() error {
	_ = s.init.Kill()
	_, _ = s.init.Wait()
	return errors.Join(s.ctl.Close(), s.group.remove())
}

// ahead keeps blanks ready while boxes are made now and then. One is made at a
// time, behind the callers' backs, so that a burst is not slowed down by what
// comes after it.
type ahead struct {
	d     *Driver
	ready chan *blank
	want  chan struct{} // capacity 1: one was taken
	stop  context.CancelFunc
	done  sync.WaitGroup

	mu      sync.Mutex
	started bool
	last    uint64
	names   map[string]bool // of groups that Sweep must leave alone
}

// refillAfter is how long what was taken is not replaced: making a blank or a /tmp
// beside the box that they were taken for makes that one late, since both fork,
// mount and join groups. It is as long as what the box is for takes to start: a
// JVM some 50 ms.
const refillAfter = 100 * time.Millisecond

// rest waits for d and reports whether ctx still goes on.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// aheadIdle is how long blanks wait for a box before they are given up.
const aheadIdle = 10 * time.Minute

// wideLimits are a blank's until it is somebody's. A limit can only be lowered in
// the order in which the files of a group are written.
var wideLimits = sandbox.Limits{MemoryMB: 1 << 20, CPUWeight: 1024, PIDs: sandbox.DefaultPIDs}

func newAhead(d *Driver, depth int) *ahead {
	return &ahead{d: d, ready: make(chan *blank, depth), want: make(chan struct{}, 1), names: make(map[string]bool)}
}

// take returns a blank if one is ready, and has another one made.
func (a *ahead) take() *blank {
	if cap(a.ready) == 0 {
		return nil
	}
	a.start()
	defer func() { // when there is room for it
		select {
		case a.want <- struct{}{}:
		default:
		}
	}()
	for {
		select {
		case s := <-a.ready:
			if s.alive() {
				return s
			}
			a.drop(s)
		default:
			return nil
		}
	}
}

func (a *ahead) start() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.started {
		return
	}
	a.started = true
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.done.Go(func() { a.run(ctx) })
}

// run makes blanks until ctx ends.
func (a *ahead) run(ctx context.Context) {
	idle := time.NewTimer(aheadIdle)
	defer idle.Stop()
	for {
		select {
		case <-ctx.Done():
			a.empty()
			return
		case <-idle.C:
			a.empty()
			continue
		case <-a.want:
		}
		idle.Reset(aheadIdle)
		if !rest(ctx, refillAfter) {
			continue
		}
		for len(a.ready) < cap(a.ready) && ctx.Err() == nil {
			s, err := a.make()
			if err != nil {
				a.d.log.Warn("no box can be made ahead", "error", err)
				break // tried again when one is wanted
			}
			a.ready <- s // nobody else sends
		}
	}
}

// make makes a blank whose group has a name that no box can have.
func (a *ahead) make() (*blank, error) {
	a.mu.Lock()
	a.last++
	name := fmt.Sprintf("ahead.%d", a.last)
	a.names[name] = true
	a.mu.Unlock()
	s, err := a.d.newBlank(name, wideLimits.WithDefaults())
	if err != nil {
		a.forget(name)
	}
	return s, err
}

func (a *ahead) empty() {
	for {
		select {
		case s := <-a.ready:
			a.drop(s)
		default:
			return
		}
	}
}

func (a *ahead) drop(s *blank) {
	if err := s.discard(); err != nil {
		a.d.log.Warn("a box made ahead is not cleaned up", "error", err)
	}
	a.forget(s.group.name)
}

// forget lets Sweep have a name again, when its group is gone.
func (a *ahead) forget(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.names, name)
}

func (a *ahead) isLive(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.names[name]
}

// close gives up what is ready and makes no more.
func (a *ahead) close() {
	a.mu.Lock()
	stop := a.stop
	a.started = true
	a.mu.Unlock()
	if stop != nil {
		stop()
	}
	a.done.Wait()
}
