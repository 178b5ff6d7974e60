package server

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestMemoryIsGivenBackOnceANodeRests(t *testing.T) {
	const mib = 1 << 20
	var th thrift
	for i, step := range []struct {
		now  heap
		want bool
	}{
		{heap{resident: 20 * mib, live: 10 * mib, allocs: 50 * mib}, false}, // it has begun
		{heap{resident: 60 * mib, live: 10 * mib, allocs: 90 * mib}, false}, // it works
		{heap{resident: 60 * mib, live: 10 * mib, allocs: 91 * mib}, true},
		{heap{resident: 60 * mib, live: 10 * mib, allocs: 92 * mib}, false}, // what did not help is not done again
		{heap{resident: 60 * mib, live: 10 * mib, allocs: 94 * mib}, false},
		{heap{resident: 60 * mib, live: 10 * mib, allocs: 96 * mib}, true}, // until there was something to do
		{heap{resident: 13 * mib, live: 10 * mib, allocs: 99 * mib}, false},
		{heap{resident: 13 * mib, live: 10 * mib, allocs: 101 * mib}, false}, // not worth it
	} {
		if got := th.due(step.now); got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
}

func TestABusyNodeHasRoom(t *testing.T) {
	const mib = 1 << 20
	th := thrift{last: heap{allocs: 1000 * mib}}
	for _, c := range []struct {
		now  heap
		want int
	}{
		{heap{live: 16 * mib, allocs: 1127 * mib}, 100}, // it is not that busy
		{heap{live: 16 * mib, allocs: 1128 * mib}, 300},
		{heap{live: 32 * mib, allocs: 9000 * mib}, 100},
		{heap{live: 500 * mib, allocs: 9000 * mib}, 100},
		{heap{live: 0, allocs: 9000 * mib}, 100}, // it was never looked through
	} {
		if got := th.growth(c.now); got != c.want {
			t.Errorf("%+v: %d", c.now, got)
		}
	}
}

func TestHeapIsReadAsItIs(t *testing.T) {
	before := readHeap()
	held := make([]byte, 64<<20)
	for i := range held {
		held[i] = 1
	}
	full := readHeap()
	if full.resident < before.resident+48<<20 || full.allocs < before.allocs+64<<20 {
		t.Errorf("64 MiB more: %+v, before %+v", full, before)
	}
	runtime.KeepAlive(held)
	held = nil
	debug.FreeOSMemory()
	if after := readHeap(); after.resident > full.resident-48<<20 || after.live > full.resident {
		t.Errorf("64 MiB less: %+v, before %+v", after, full)
	}
	runtime.KeepAlive(held)
}
