//go:build linux

package linux

import (
	"errors"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// watch is what there is where no cgroup counts the memory of boxes: it looks at
// their processes, often enough that one that takes all it can is found before it
// has taken much, and kills the largest of a box that has more than it may. It
// stops and continues processes, too.
type watch struct {
	own  string // our PID namespace, as /proc names it
	shm  uint64 // the device of our /dev/shm; 0: there is none
	wake chan struct{}
	stop chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	boxes map[string]*watched // by PID namespace
	known map[int]string      // PID namespaces by process, as of the scan at
	at    time.Time
}

// watched is one box.
type watched struct {
	w     *watch
	init  int
	space string // its PID namespace
	most  atomic.Int64
	peak  atomic.Int64
	kills atomic.Int64

	frozen atomic.Bool
	mu     sync.Mutex
	pids   []int         // as of the last scan, without ebb-init
	now    int64         // bytes, when last measured
	cpu    time.Duration // the most that usage has read
}

// How often is looked: so that a process that takes fastMemory bytes in a second
// does not get far beyond its limit.
const (
	fastMemory = 4 << 30
	minLook    = 20 * time.Millisecond
	maxLook    = 500 * time.Millisecond
	fresh      = 10 * time.Millisecond // whose processes were found then are whose they are still
	believed   = 2 * time.Second       // that a number is still the same process's
)

func newWatch() (*watch, error) {
	own, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return nil, err
	}
	var shm unix.Stat_t
	_ = unix.Stat("/dev/shm", &shm)
	w := &watch{own: own, shm: shm.Dev, wake: make(chan struct{}, 1), stop: make(chan struct{}),
		boxes: make(map[string]*watched), known: make(map[int]string)}
	w.done.Go(w.run)
	return w, nil
}

func (w *watch) close() {
	close(w.stop)
	w.done.Wait()
}

// begin watches the box whose PID 1 that is.
func (w *watch) begin(init int, most int64) (*watched, error) {
	space, err := os.Readlink(proc(init, "ns/pid"))
	if err == nil && space == w.own {
		err = errors.New("it has no PID namespace of its own")
	}
	if err != nil {
		return nil, err
	}
	b := &watched{w: w, init: init, space: space}
	b.most.Store(most)
	w.mu.Lock()
	w.boxes[space] = b
	w.mu.Unlock()
	w.nudge()
	return b, nil
}

func (b *watched) end() {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	if b.w.boxes[b.space] == b {
		delete(b.w.boxes, b.space)
	}
}

// nudge has run look now.
func (w *watch) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run looks at all boxes until close.
func (w *watch) run() {
	timer := time.NewTimer(maxLook)
	defer timer.Stop()
	for {
		pause, runs := w.look()
		var next <-chan time.Time
		if runs {
			timer.Reset(pause)
			next = timer.C
		}
		select {
		case <-w.stop:
			return
		case <-w.wake:
		case <-next:
		}
	}
}

// look measures every box that runs, and tells when to do so again.
func (w *watch) look() (pause time.Duration, runs bool) {
	w.mu.Lock()
	var running []*watched
	for _, b := range w.boxes {
		if !b.frozen.Load() {
			running = append(running, b)
		}
	}
	if len(running) > 0 {
		w.scan()
	}
	w.mu.Unlock()
	pause = maxLook
	for _, b := range running {
		left := b.most.Load() - b.measure()
		if left < 0 && b.exact() > b.most.Load() {
			b.killLargest()
		}
		pause = min(pause, time.Duration(float64(max(left, 0))/fastMemory*float64(time.Second)))
	}
	return max(pause, minLook), len(running) > 0
}

// scan finds the processes of all boxes. w.mu is held.
func (w *watch) scan() {
	if time.Since(w.at) > believed {
		clear(w.known)
	}
	w.at = time.Now()
	entries, err := readNames("/proc")
	if err != nil {
		return
	}
	alive := make(map[int]bool, len(entries))
	found := make(map[string][]int, len(w.boxes))
	for _, name := range entries {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		alive[pid] = true
		space, ok := w.known[pid]
		if !ok {
			if space, err = os.Readlink(proc(pid, "ns/pid")); err != nil {
				continue // somebody else's, or one that begins or ends
			}
			w.known[pid] = space
		}
		if b := w.boxes[space]; b != nil && pid != b.init {
			found[space] = append(found[space], pid)
		}
	}
	for pid := range w.known {
		if !alive[pid] {
			delete(w.known, pid)
		}
	}
	for space, b := range w.boxes {
		b.mu.Lock()
		b.pids = found[space]
		b.mu.Unlock()
	}
}

func readNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return f.Readdirnames(-1)
}

// members are the processes of the last scan.
func (b *watched) members() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pids
}

// killLargest does what the kernel does to a group beyond its limit.
func (b *watched) killLargest() {
	largest, most := 0, int64(-1)
	for _, pid := range b.members() {
		if lines := kilobytes(proc(pid, "status"), "RssAnon:", "RssShmem:"); lines[0]+lines[1] > most {
			largest, most = pid, lines[0]+lines[1]
		}
	}
	if largest == 0 {
		return
	}
	b.kills.Add(1) // before its death can be noticed
	if err := b.signal(largest, unix.SIGKILL); err != nil {
		b.kills.Add(-1)
	}
}

// signal sends a signal to a process if it is the box's.
func (b *watched) signal(pid int, signal unix.Signal) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	space, err := os.Readlink(proc(pid, "ns/pid"))
	if err == nil && space != b.space {
		err = unix.ESRCH
	}
	if err != nil {
		return err
	}
	return unix.PidfdSendSignal(fd, signal, nil, 0)
}

// freeze stops all processes but PID 1, or lets them go on.
func (b *watched) freeze(on bool) error {
	signal := unix.SIGCONT
	if on {
		signal = unix.SIGSTOP
	}
	done := make(map[int]bool)
	for range movePasses {
		b.w.mu.Lock()
		b.w.at = time.Time{} // nothing is believed
		b.w.scan()
		b.w.mu.Unlock()
		again := false
		for _, pid := range b.members() {
			if done[pid] {
				continue
			}
			done[pid], again = true, true
			if err := b.signal(pid, signal); err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		if !again {
			b.frozen.Store(on)
			if !on {
				b.w.nudge()
			}
			return nil
		}
	}
	return errors.New("its processes fork faster than they can be counted")
}
