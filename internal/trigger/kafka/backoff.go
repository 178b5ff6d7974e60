package kafka

import (
	"context"
	"math/rand/v2"
	"time"
)

// Delays before something that failed is tried again.
const (
	firstDelay = 100 * time.Millisecond
	lastDelay  = 10 * time.Second
)

// backoff is how long to wait before the next try: twice as long each time, half
// of it at random.
type backoff struct{ next time.Duration }

func newBackoff() *backoff { return &backoff{firstDelay} }

// sleep waits. It reports false if ctx ended meanwhile.
func (b *backoff) sleep(ctx context.Context) bool {
	timer := time.NewTimer(b.next/2 + rand.N(b.next/2+1))
	defer timer.Stop()
	b.next = min(2*b.next, lastDelay)
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
