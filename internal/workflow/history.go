package workflow

import (
	"context"
	"sync"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// histories remembers the last stretch of history that was derived, for the
// next page.
type histories struct {
	mu   sync.Mutex
	kept []stretch // the last used at the end
}

// stretch is consecutive history events of an execution, up to its end at the
// time.
type stretch struct {
	id     ebb.ExecutionID
	last   int64 // row up to which it goes
	events []*asl.HistoryEvent
}

// maxStretches bounds histories.
const maxStretches = 8

// History returns up to limit history events of an execution, beginning with id
// from, and in reverse going down from it (0: the last one). total is the id of
// the last event there is.
func (e *Engine) History(ctx context.Context, x *ebb.Execution, from int64, limit int, reverse bool) (events []*asl.HistoryEvent, total int64, err error) {
	_, _, end, err := e.fold(ctx, x.ID, 0)
	if err != nil {
		return nil, 0, err
	}
	total = end.state.LastEvent
	low, high := from, min(from+int64(limit)-1, total)
	if reverse {
		if from == 0 || from > total {
			from = total
		}
		low, high = max(from-int64(limit)+1, 1), from
	}
	if low > total {
		return nil, total, nil
	}
	got := e.histories.find(x.ID, end.sequence, low)
	if got == nil {
		_, _, f, err := e.fold(ctx, x.ID, max(low, 1))
		if err != nil {
			return nil, 0, err
		}
		got = f.history
		e.histories.keep(stretch{x.ID, f.sequence, got})
	}
	for _, h := range got {
		if h.ID >= low && h.ID <= high {
			events = append(events, h)
		}
	}
	if reverse {
		for i, j := 0, len(events)-1; i < j; i, j = i+1, j-1 {
			events[i], events[j] = events[j], events[i]
		}
	}
	return events, total, nil
}

func (h *histories) find(id ebb.ExecutionID, sequence, low int64) []*asl.HistoryEvent {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.kept {
		if s.id == id && s.last == sequence && len(s.events) > 0 && s.events[0].ID <= low {
			return s.events
		}
	}
	return nil
}

func (h *histories) keep(s stretch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.kept) >= maxStretches {
		h.kept = append(h.kept[:0], h.kept[1:]...)
	}
	h.kept = append(h.kept, s)
}
