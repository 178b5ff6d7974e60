package sandbox

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestAsk: a process that misses the first signal gets another, and one that
// cannot be asked is not waited for.
func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, deaf := range []int{0, 1, 2} { // signals missed
			done, asked, began := make(chan struct{}), 0, time.Now()
			ended := Ask(func() error {
				if asked++; asked == deaf+1 {
					close(done)
				}
				return nil
			}, done, 10*time.Second)
			took := time.Since(began)
			if ended != (deaf < 2) || took != time.Duration(deaf)*5*time.Second {
				t.Errorf("%d missed: ended %v after %v", deaf, ended, took)
			}
		}
		if Ask(func() error { return errors.New("gone") }, nil, time.Hour) {
			t.Error("nobody was there, and ended")
		}
	})
}
