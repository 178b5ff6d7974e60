package server

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Go keeps what a load has left of its heap for minutes, and half of it for good. A
// node that has come to rest gives it back at once.
const (
	restEvery = 10 * time.Second
	// restAllocs is less than this in restEvery of a node that rests.
	restAllocs = 4 << 20
	// worthFreeing is how much must have come together: looking for it costs CPU
	// time for every byte that lives.
	worthFreeing = 4 << 20
)

// Go looks through a heap whenever it has doubled. A small one of a busy node does
// that so often that it takes a twentieth of the CPU time of all the rest.
const (
	// busyAllocs is more than this in restEvery of a node that is busy.
	busyAllocs = 128 << 20
	// roomyHeap is what the heap of a busy node may come to without being looked
	// through, if less than half of it lives.
	roomyHeap = 64 << 20
	// usualGrowth is Go's own, in percent.
	usualGrowth = 100
)

// heap is what Go's heap takes of the machine.
type heap struct {
	resident uint64 // bytes
	live     uint64 // of them, when they were last looked through
	allocs   uint64 // bytes, ever
}

func readHeap() heap {
	read := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"},
	}
	metrics.Read(read)
	return heap{
		resident: read[0].Value.Uint64() + read[1].Value.Uint64() + read[2].Value.Uint64(),
		live:     read[3].Value.Uint64(), allocs: read[4].Value.Uint64(),
	}
}

// thrift decides when memory is given back.
type thrift struct {
	last  heap
	freed uint64 // allocs when it last was
}

// due reports whether the node has come to rest since it was last asked, and keeps
// memory of which something has been used since it last gave some back.
func (t *thrift) due(now heap) bool {
	rests := now.allocs-t.last.allocs < restAllocs
	t.last = now
	if !rests || now.allocs-t.freed < worthFreeing || now.resident < now.live+worthFreeing {
		return false
	}
	t.freed = now.allocs
	return true
}

// growth is by how many percent of what lives the heap may grow before it is looked
// through.
func (t *thrift) growth(now heap) int {
	if now.allocs-t.last.allocs < busyAllocs || now.live == 0 || now.live > roomyHeap/2 {
		return usualGrowth
	}
	return int((roomyHeap - now.live) * 100 / now.live)
}

// giveBack returns memory to the system whenever the node has come to rest, and lets
// a busy one have more of it. Who has set GOGC decides that for himself.
func giveBack(ctx context.Context) error {
	tick := time.NewTicker(restEvery)
	defer tick.Stop()
	var t thrift
	gogc := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(gogc)
	growth := int(gogc[0].Value.Uint64())
	usual := growth == usualGrowth
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			now := readHeap()
			if want := t.growth(now); usual && want != growth {
				growth = want
				debug.SetGCPercent(growth)
			}
			if t.due(now) {
				debug.FreeOSMemory()
			}
		}
	}
}
