package egress

import (
	"fmt"
	"sync"
	"time"
)

// A box's lines about egress: so many at once, then one each period.
const (
	linesAtOnce = 20
	linePeriod  = 3 * time.Second
)

// throttle passes lines on and counts those beyond the rate.
type throttle struct {
	mu      sync.Mutex
	write   func(line string)
	tokens  int
	at      time.Time // of the last token
	skipped int
}

func newThrottle(write func(string)) *throttle {
	return &throttle{write: write, tokens: linesAtOnce, at: time.Now()}
}

func (t *throttle) say(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := int(time.Since(t.at) / linePeriod); n > 0 {
		t.tokens = min(linesAtOnce, t.tokens+n)
		t.at = t.at.Add(time.Duration(n) * linePeriod)
	}
	if t.tokens == 0 {
		t.skipped++
		return
	}
	t.tokens--
	t.summarise()
	t.write(line)
}

// flush says what was left out.
func (t *throttle) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.summarise()
}

func (t *throttle) summarise() {
	if t.skipped > 0 {
		t.write(fmt.Sprintf("EGRESS %d more lines like these were left out", t.skipped))
		t.skipped = 0
	}
}
