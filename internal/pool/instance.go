package pool

import (
	"container/list"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
	"github.com/ebb-faas/ebb/internal/sandbox"
)

// instance is one box, the process in it and the conversation with it. It may be
// made ahead (a spare) and become a version's by adopt; until then it has no
// shelf, and what it writes is nobody's.
type instance struct {
	id    ebb.InstanceID
	pool  *Pool
	shelf *shelf
	began time.Time // when it became the version's

	box     sandbox.Box
	session runtimeapi.Session
	slot    *slot // of its start; nil while it is made ahead
	// provisioned says that it was started before anybody needed it.
	provisioned bool
	forked      bool // its process is a zygote's copy
	output      *output
	endpoint    *http.Server
	memory      memoryPeak
	extensions  *runtimeapi.Extensions             // nil if it cannot have any
	externals   []*external                        // those that are processes
	crashed     atomic.Pointer[runtimeapi.Failure] // how one of them failed
	late        atomic.Bool                        // an invocation ran out of time
	ceilings    []ebb.Egress                       // of what it may connect to; set when it is the version's

	// Guarded by Pool.mu.
	state  string
	since  time.Time     // when state began
	place  *list.Element // in Pool.lru while idle
	open   bool          // in shelf.open
	load   int           // invocations in flight
	uses   int
	ended  bool // its process has
	spoilt bool // an invocation broke it: it gets no other
	served bool // it became ready
	kept   bool // one of those its version is to have at any time

	icy    atomic.Bool // it is being frozen, or frozen; set under Pool.mu while it is idle
	ice    sync.Mutex  // held while that changes
	frozen bool        // guarded by ice

	shared  bool                             // several invocations may be in flight; set by adopt
	current atomic.Pointer[ebb.InvocationID] // whose lines the output is; nil during init and if shared

	logMu   sync.Mutex
	stream  *logs.Stream // nil while it is a spare
	version string       // qualifier
	tails   []*tail      // of the invocations in flight whose callers asked
}

func newInstance(p *Pool) *instance {
	return &instance{id: ebb.InstanceID(uuid.NewString()), pool: p, state: ebb.InstanceStarting}
}

// adopt makes the instance one of s's version.
func (in *instance) adopt(s *shelf) {
	in.shelf, in.began, in.shared = s, time.Now(), s.places > 1
	in.logMu.Lock()
	in.stream, in.version = in.pool.deps.Logs.Stream(s.fleet.key), s.version.Qualifier()
	in.logMu.Unlock()
}

// log records one line of the function, as a line of the given request ("" =
// the current one).
func (in *instance) log(request ebb.InvocationID, level string, line []byte) {
	if request == "" {
		if id := in.current.Load(); id != nil {
			request = *id
		}
	}
	in.append(logs.Function, request, level, line)
	if in.extensions != nil {
		in.extensions.Line(runtimeapi.TelemetryFunction, line)
	}
}

// append records lines in the function's log and in the caller's tail.
func (in *instance) append(kind logs.Kind, request ebb.InvocationID, level string, lines ...[]byte) {
	in.logMu.Lock()
	defer in.logMu.Unlock()
	if in.stream == nil {
		return
	}
	now := time.Now()
	for _, line := range lines {
		in.stream.Append(logs.Entry{
			Time:     now,
			Kind:     kind,
			Level:    level,
			Request:  request,
			Version:  in.version,
			Instance: in.id,
			Text:     line,
		})
		for _, t := range in.tails {
			if request == "" || t.request == request {
				t.add(line)
			}
		}
	}
}

// beginTail has t collect the lines of its request, and those that cannot be
// told to be another's.
func (in *instance) beginTail(t *tail) {
	in.logMu.Lock()
	defer in.logMu.Unlock()
	in.tails = append(in.tails, t)
}

// endTail ends the collection and returns what was collected.
func (in *instance) endTail(t *tail) []byte {
	in.logMu.Lock()
	defer in.logMu.Unlock()
	in.tails = slices.DeleteFunc(in.tails, func(other *tail) bool { return other == t })
	return t.bytes()
}

// lendable reports whether the instance may get another invocation. Pool.mu is
// held.
func (in *instance) lendable() bool {
	return !in.spoilt && !in.ended && !in.shelf.retired && !in.pool.closed && !in.began.Before(in.shelf.renewed)
}

// spoil keeps the instance from being lent again: its conversation is broken, or
// what is in flight has run out of time. It reports whether nothing else is in
// flight.
func (in *instance) spoil() (alone bool) {
	p := in.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	in.spoilt = true
	in.shelf.close(in)
	return in.load == 1
}

// destroy ends the instance for good. When it returns no process of its box is
// left. It works on an instance at any stage of its start.
func (in *instance) destroy() {
	in.farewell()
	in.dismiss()
	if in.session != nil {
		_ = in.session.Close() // first: it takes the last lines
	}
	if in.box != nil {
		if _, web := in.session.(*runtimeapi.Web); web && !in.spoilt {
			in.box.Stop(webGrace)
		}
		in.box.Destroy()
	}
	if in.endpoint != nil {
		_ = in.endpoint.Close()
	}
}

// How old a reading of the memory peak may be: reading it costs more than a short
// invocation, which cannot take much, either.
const (
	memoryEvery = 100 * time.Millisecond // for one that took less than memorySoon
	memorySoon  = 2 * time.Millisecond   // for the others
)

// memoryPeak remembers the box's peak between readings.
type memoryPeak struct {
	mu    sync.Mutex
	at    time.Time
	bytes int64
}

// read returns the box's memory peak in bytes, for the report of an invocation
// that took so long until now.
func (m *memoryPeak) read(box sandbox.Box, now time.Time, took time.Duration) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if age := now.Sub(m.at); age >= memoryEvery || took >= memorySoon && age >= memorySoon {
		m.at, m.bytes = now, box.MemoryPeak()
	}
	return m.bytes
}

// now returns the box's memory peak as it is.
func (m *memoryPeak) now(box sandbox.Box) int64 {
	m.mu.Lock()
	m.at = time.Time{}
	m.mu.Unlock()
	return m.read(box, time.Now(), 0)
}
