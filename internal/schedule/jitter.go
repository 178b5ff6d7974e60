package schedule

import (
	"hash/fnv"
	"time"
)

// Jitter is how much later than due the fire of a trigger comes, to spread those
// that are due together: the same for the same fire wherever it is asked, from 0
// to before window, in whole seconds.
func Jitter(trigger string, due time.Time, window time.Duration) time.Duration {
	seconds := int64(window / time.Second)
	if seconds <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(trigger)) // never fails
	_, _ = h.Write([]byte(due.UTC().Format(time.RFC3339)))
	return time.Duration(h.Sum64()%uint64(seconds)) * time.Second
}
