package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Queue is where what becomes of the messages of one lane of a queue is counted.
// A nil one counts nothing.
type Queue struct {
	done, again, dead, lost prometheus.Counter
}

// Queue returns the handles of a queue's lane, to be kept. function is "" where
// functions do not take turns.
func (m *Metrics) Queue(queue string, service ebb.ServiceID, function string) *Queue {
	c := func(outcome string) prometheus.Counter {
		return m.messages.WithLabelValues(queue, string(service), function, outcome)
	}
	return &Queue{done: c("done"), again: c("again"), dead: c("dead"), lost: c("lost")}
}

// Done counts a message whose work was done.
func (q *Queue) Done() { q.add(func() prometheus.Counter { return q.done }) }

// Again counts one that will be handled again.
func (q *Queue) Again() { q.add(func() prometheus.Counter { return q.again }) }

// Died counts one that became a dead letter.
func (q *Queue) Died() { q.add(func() prometheus.Counter { return q.dead }) }

// Lost counts an outcome that was void, because the lease had ended.
func (q *Queue) Lost() { q.add(func() prometheus.Counter { return q.lost }) }

func (q *Queue) add(c func() prometheus.Counter) {
	if q != nil {
		c().Inc()
	}
}
