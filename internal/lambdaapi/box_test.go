package lambdaapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestBodiesOfABox: four of the largest at once, many small ones, and those
// without a body do not wait for anybody.
func TestBodiesOfABox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const largest = 1000
		var inside atomic.Int64
		leave := make(chan struct{})
		h := bounded(largest, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				inside.Add(1)
				<-leave
				inside.Add(-1)
			}
		}))
		post := func(length int64) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("x"))
			r.ContentLength = length
			go h.ServeHTTP(httptest.NewRecorder(), r)
		}
		for _, length := range []int64{largest, -1, 70 * largest, largest - 10, largest, -1} {
			post(length)
		}
		synctest.Wait()
		if n := inside.Load(); n != boxBodies {
			t.Errorf("%d bodies are held, want %d", n, boxBodies)
		}
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
		leave <- struct{}{}
		synctest.Wait()
		if n := inside.Load(); n != boxBodies {
			t.Errorf("after one left %d are held", n)
		}
		close(leave)
		synctest.Wait()
		for range 200 {
			post(largest / 100)
		}
		synctest.Wait()
		if n := inside.Load(); n != 0 {
			t.Errorf("%d small ones are stuck", n)
		}
	})
}
