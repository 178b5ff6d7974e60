package pool

import (
	"testing"
	"time"
)

// BenchmarkAcquire lends a warm instance and takes it back: what the pool adds to
// every invocation.
func BenchmarkAcquire(b *testing.B) {
	r := newRig(b, Config{}, &testDriver{handle: echo})
	v := r.version("f", 3)
	if _, _, err := r.call(b.Context(), v, "x", long); err != nil {
		b.Fatal(err)
	}
	patience := time.Now().Add(time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		lease, err := r.Acquire(b.Context(), v, "", patience)
		if err != nil {
			b.Fatal(err)
		}
		lease.Release()
	}
}
