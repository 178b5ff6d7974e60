package kafka_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ebb-faas/ebb/internal/trigger/kafka"
)

// heap is how much memory is in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestBrake: of what a slow function has not handled, a member holds no more than
// it may, however much waits; other partitions go on meanwhile, and in the end all
// is handled.
func TestBrake(t *testing.T) {
	const n, size, most = 104, 512 << 10, 42 << 20
	c := cluster(t)
	b, name := open(t), topic(t, c, 2)
	hold := make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	t.Cleanup(release)
	var slow, other atomic.Int64
	b.serve(func(rs []seen, _ []byte) (string, bool, error) {
		if rs[0].Partition == 1 {
			other.Add(int64(len(rs)))
			return "", false, nil
		}
		<-hold
		slow.Add(int64(len(rs)))
		return "", false, nil
	})
	cl := client(t, c.Address, kgo.ProducerBatchCompression(kgo.NoCompression()))
	value := make([]byte, size)
	for range n {
		produce(t, cl, &kgo.Record{Topic: name, Value: value})
	}
	before := heap()
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name, BatchSize: 10, Window: new(10)}, nil)
	// It has what it takes when that has not grown for a while.
	last, steady := before, 0
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	await(t, "an end of what is taken", func() bool {
		<-tick.C
		now := heap()
		if now > before+most {
			t.Fatalf("%d MiB are in memory of the %d MiB that wait", (now-before)>>20, n*size>>20)
		}
		if steady++; now > last+1<<20 {
			last, steady = now, 0
		}
		return last > before+16<<20 && steady > 8
	})
	produce(t, cl, &kgo.Record{Topic: name, Partition: 1, Value: []byte("small")})
	await(t, "the record of the other partition", func() bool { return other.Load() == 1 })
	if slow.Load() != 0 {
		t.Error("the function was not slow")
	}
	release()
	await(t, "all records", func() bool { return slow.Load() == n })
	await(t, "the commits", func() bool {
		at := committed(t, cl, string(tr.ID), name, 2)
		return at[0] == n && at[1] == 1
	})
}
