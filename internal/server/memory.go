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

// giveBack returns memory to the system whenever the node has come to rest.
func giveBack(ctx context.Context) error {
	tick := time.NewTicker(restEvery)
	defer tick.Stop()
	var t thrift
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if t.due(readHeap()) {
				debug.FreeOSMemory()
			}
		}
	}
}
