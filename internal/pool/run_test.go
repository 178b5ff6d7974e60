package pool

import (
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// TestNobodyWaitsForAnEnd: boxes go beside the requests, however long that takes.
func TestNobodyWaitsForAnEnd(t *testing.T) {
	d := &testDriver{handle: echo, linger: time.Minute}
	inBubble(t, Config{IdleTimeout: 10 * time.Minute}, d, func(t *testing.T, r *rig) {
		old, changed := r.version("f", 3), r.version("f", 3)
		r.must(old)
		begin := time.Now()
		r.Retain(changed.FunctionKey, map[string]bool{changed.RevisionID: true})
		r.must(changed)
		r.must(r.version("g", 3))
		if took := time.Since(begin); took != 0 || d.alive.Load() != 3 {
			t.Errorf("%v, with %d boxes", took, d.alive.Load())
		}
		pass(2 * time.Minute)
		if n := d.alive.Load(); n != 2 {
			t.Errorf("%d boxes are left", n)
		}
	})
}

// TestADayOfWork: a timeout of 86,400 s is one, and not a second more or less.
func TestADayOfWork(t *testing.T) {
	const day = 86_400 * time.Second
	d := &testDriver{handle: func(b *testBox, p []byte) ([]byte, error) {
		work, err := time.ParseDuration(string(p))
		if err != nil {
			return nil, err
		}
		select {
		case <-b.ctx.Done():
			return nil, errCrash
		case <-time.After(work):
			return p, nil
		}
	}}
	inBubble(t, Config{}, d, func(t *testing.T, r *rig) {
		v := r.version("f", 86_400)
		begin := time.Now()
		got, out, err := r.call(t.Context(), v, "23h59m59s", long)
		if err != nil || got != "23h59m59s" || out.FunctionError != "" || time.Since(begin) != day-time.Second {
			t.Errorf("%q, %+v, %v after %v", got, out, err, time.Since(begin))
		}
		begin = time.Now()
		_, out, err = r.call(t.Context(), v, "25h", long)
		if err != nil || out.ErrorType != ebb.ErrorTimeout || time.Since(begin).Round(time.Second) != day {
			t.Errorf("%+v, %v after %v", out, err, time.Since(begin))
		}
		if n := r.driver.alive.Load(); n != 0 {
			t.Errorf("%d instances go on", n)
		}
	})
}
