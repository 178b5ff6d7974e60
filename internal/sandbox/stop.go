package sandbox

import "time"

// Ask asks a process to end by term, and once more at half of grace: an
// interpreter that looks for signals and then waits for its socket misses the one
// that comes between. It reports whether done was closed in time.
func Ask(term func() error, done <-chan struct{}, grace time.Duration) bool {
	for range 2 {
		if term() != nil {
			return false
		}
		timer := time.NewTimer(grace / 2)
		select {
		case <-done:
			timer.Stop()
			return true
		case <-timer.C:
		}
	}
	return false
}
