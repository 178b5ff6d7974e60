package queue

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// cohort is how many suspects of the first degree may run at once: most are
// innocent and were only there when a process died. One that died in a cohort
// again runs alone.
const cohort = 16

// suspects are the messages of a queue whose holders crashed more than once.
type suspects struct {
	next    time.Time // when the earliest is due; zero = none known
	running int
	alone   bool // the one that runs may take others with it
}

// room says how many may be claimed now, of those that crashed how often at most.
func (s *suspects) room() (n, most int) {
	const however = 1 << 30
	switch {
	case s.alone || s.running >= cohort:
		return 0, 0
	case s.running > 0:
		return cohort - s.running, store.SuspectCrashes
	}
	return 1, however
}

// claimed notes what a plan brought.
func (s *suspects) claimed(p *plan, n int, next time.Time) {
	s.next = next
	s.running += n
	if p.suspect > 0 && n == 0 && s.running > 0 {
		s.next = time.Time{} // whoever is due has to run alone: when the others end, it is looked for
	}
}

// ended notes the end of one.
func (s *suspects) ended() {
	if s.running--; s.running == 0 {
		s.alone = false
	}
}

// single runs the handler of a suspect, outside of the lanes.
func (l *line) single(m *ebb.Message) {
	if l.life == nil {
		return
	}
	if m.Crashes > store.SuspectCrashes {
		l.suspects.alone = true
	}
	h := &held{m: m, until: m.Due}
	l.held[m.MessageKey] = h
	l.begin(h)
}
