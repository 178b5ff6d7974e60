package queue

import (
	"container/heap"
	"context"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// lane is the messages of one service, or of one group of it, as this process
// sees them.
type lane struct {
	name    string
	service ebb.ServiceID
	next    time.Time // when the earliest message in the database is due; zero = none known
	index   int       // in the heap of waiting lanes, or -1
	hungry  bool      // in the ring of lanes that have due messages in the database
	ready   []*held   // leased, not begun
	queued  bool      // in the ring of lanes with ready messages
	running int
}

// idle says that nothing is known of the lane that is worth remembering.
func (l *lane) idle() bool {
	return l.next.IsZero() && l.index < 0 && !l.hungry && len(l.ready) == 0 && l.running == 0
}

// held is a message that this process has leased.
type held struct {
	m      *ebb.Message
	lane   *lane
	until  time.Time               // the lease's end
	cancel context.CancelCauseFunc // nil until a handler began
	lost   bool                    // another has it, or it was stopped
	next   *ebb.Message            // as this process leased it once more meanwhile
}

// laneName is the lane of a message: its service, and its group if groups take
// turns. A service's id has a fixed length, so that it can be read back.
func laneName(service ebb.ServiceID, group string, perGroup bool) string {
	if perGroup {
		return string(service) + ":" + group
	}
	return string(service)
}

// serviceOf reads the service back.
func serviceOf(lane string) ebb.ServiceID {
	const length = 12
	return ebb.ServiceID(lane[:min(length, len(lane))])
}

// groupOf reads the group back; "" where groups do not take turns.
func groupOf(lane string) string {
	const prefix = 13
	if len(lane) <= prefix {
		return ""
	}
	return lane[prefix:]
}

// clock is lanes by when their earliest message is due.
type clock []*lane

func (c clock) Len() int           { return len(c) }
func (c clock) Less(i, j int) bool { return c[i].next.Before(c[j].next) }
func (c clock) Swap(i, j int) {
	c[i], c[j] = c[j], c[i]
	c[i].index, c[j].index = i, j
}

// Push implements heap.Interface.
func (c *clock) Push(x any) {
	l := x.(*lane)
	l.index = len(*c)
	*c = append(*c, l)
}

// Pop implements heap.Interface.
func (c *clock) Pop() any {
	l := (*c)[len(*c)-1]
	(*c)[len(*c)-1] = nil
	*c = (*c)[:len(*c)-1]
	l.index = -1
	return l
}

// set has the lane come up at next, or not at all if that is zero.
func (c *clock) set(l *lane, next time.Time) {
	l.next = next
	switch {
	case next.IsZero() && l.index >= 0:
		heap.Remove(c, l.index)
	case next.IsZero():
	case l.index >= 0:
		heap.Fix(c, l.index)
	default:
		heap.Push(c, l)
	}
}
