//go:build linux

package linux

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"
)

// guard kills boxes for memory of the kernel that no cgroup counts: answers that
// wait in netlink sockets, and UDP packets that are begun and not sent (MSG_MORE).
// Programs ask netlink for the addresses of their network, and send what they will, so
// that neither can be forbidden; but each socket may have some hundred KB waiting, and
// a box as many sockets as processes times descriptors.
//
// It looks at all boxes when the kernel has taken more for itself than before: there is
// no socket without some KB of that. Now and then it looks at those that run, whatever
// the kernel has. The zero guard is ready.
type guard struct {
	mu     sync.Mutex
	boxes  map[*box]struct{}
	stop   chan struct{} // nil: it has not begun
	done   chan struct{}
	closed bool
}

const (
	guardLook  = 100 * time.Millisecond
	guardGrown = 8 << 20 // more memory of the kernel than at rest, for which boxes are looked at
	guardRound = 50      // times guardLook, after which those that run are looked at in any case
	maxWaiting = 8 << 20 // bytes that may wait for one box; a usual answer has a few thousand
)

// add has a box looked after. The first one begins it.
func (g *guard) add(b *box) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return // the box is about to be destroyed
	}
	if g.stop == nil {
		g.boxes, g.stop, g.done = make(map[*box]struct{}), make(chan struct{}), make(chan struct{})
		go g.run()
	}
	g.boxes[b] = struct{}{}
}

func (g *guard) remove(b *box) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.boxes, b)
}

// close ends it. More than once is fine.
func (g *guard) close() {
	g.mu.Lock()
	first := !g.closed && g.stop != nil
	g.closed = true
	g.mu.Unlock()
	if first {
		close(g.stop)
		<-g.done
	}
}

func (g *guard) run() {
	defer close(g.done)
	tick := time.NewTicker(guardLook)
	defer tick.Stop()
	rest := kilobytes("/proc/meminfo", "SUnreclaim:")[0]
	for round := 1; ; round++ {
		select {
		case <-g.stop:
			return
		case <-tick.C:
		}
		now := kilobytes("/proc/meminfo", "SUnreclaim:")[0]
		switch {
		case now > rest+guardGrown:
			g.look(true)
		case round%guardRound == 0:
			g.look(false)
			continue
		case now > rest:
			continue // what grows slowly is noticed as well
		}
		rest = now
	}
}

// look kills the boxes for which too much waits.
func (g *guard) look(frozen bool) {
	g.mu.Lock()
	boxes := make([]*box, 0, len(g.boxes))
	for b := range g.boxes {
		boxes = append(boxes, b)
	}
	g.mu.Unlock()
	for _, b := range boxes {
		if !frozen && b.isFrozen() {
			continue
		}
		if netlinkWaiting(b.init.Pid)+udpWaiting(b.init.Pid) > maxWaiting {
			b.flooded.Store(true)
			_ = b.init.Kill() // by its pidfd: if it has ended, nobody else is hit
		}
	}
}

// netlinkWaiting is how many bytes wait in the netlink sockets of the network that
// a process is in.
func netlinkWaiting(pid int) (sum int64) {
	text, err := os.ReadFile(proc(pid, "net/netlink"))
	if err != nil { // it has ended
		return 0
	}
	const received = 4 // the column
	for line := range bytes.Lines(text) {
		if f := bytes.Fields(line); len(f) > received {
			n, _ := strconv.ParseInt(string(f[received]), 10, 64) // the first line has names
			sum += n
		}
	}
	return sum
}

// udpWaiting is how many bytes wait to be sent in the UDP sockets of that network.
func udpWaiting(pid int) (sum int64) {
	for _, name := range []string{"net/udp", "net/udp6"} {
		text, err := os.ReadFile(proc(pid, name))
		if err != nil { // it has ended
			continue
		}
		const queues = 4 // the column: to be sent and received, "00000000:00000000"
		for line := range bytes.Lines(text) {
			if f := bytes.Fields(line); len(f) > queues {
				sending, _, _ := bytes.Cut(f[queues], []byte(":"))
				n, _ := strconv.ParseInt(string(sending), 16, 64) // the first line has names
				sum += n
			}
		}
	}
	return sum
}
