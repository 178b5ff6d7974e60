package kafka

import (
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
type backoff struct {
	next    time.Duration
	leaving time.Time // since when it is for what fails while its partition is let go
}

func newBackoff() *backoff { return &backoff{next: firstDelay} }

// delay is how long to wait now.
func (b *backoff) delay() time.Duration {
	d := b.next/2 + rand.N(b.next/2+1)
	b.next = min(2*b.next, lastDelay)
	return d
}
