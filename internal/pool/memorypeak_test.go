package pool

import (
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

// growingBox uses more memory each time it is asked.
type growingBox struct {
	sandbox.Box
	bytes int64
}

func (b *growingBox) MemoryPeak() int64 { b.bytes++; return b.bytes }

// TestMemoryPeakIsRead: a report may be told of an earlier reading only if the
// invocation was too short to have taken much since.
func TestMemoryPeakIsRead(t *testing.T) {
	var m memoryPeak
	box := &growingBox{}
	at := time.Unix(1e9, 0)
	for _, step := range []struct {
		later, took time.Duration
		want        int64
	}{
		{0, time.Millisecond, 1}, // the first
		{time.Millisecond, time.Millisecond, 1},
		{time.Millisecond, time.Millisecond, 1},
		{20 * time.Millisecond, 20 * time.Millisecond, 2}, // long enough to have taken much
		{time.Millisecond, 20 * time.Millisecond, 2},      // ended with the one before
		{time.Millisecond, time.Millisecond, 2},
		{100 * time.Millisecond, time.Millisecond, 3}, // too old
	} {
		at = at.Add(step.later)
		if got := m.read(box, at, step.took); got != step.want {
			t.Errorf("%+v: reading %d", step, got)
		}
	}
}
