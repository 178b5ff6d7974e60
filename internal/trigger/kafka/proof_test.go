package kafka_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ebb-faas/ebb/internal/trigger/kafka"
)

// book keeps what a function has handled, and checks it.
type book struct {
	t *testing.T

	mu       sync.Mutex
	handled  map[string]bool // PARTITION/OFFSET
	last     map[string]int  // by key: the last number that was handled in order
	runs     int             // records handed over, failed or not
	twice    int             // handled again
	inFlight map[string]int  // by key, in how many invocations now
}

func newBook(t *testing.T) *book {
	return &book{t: t, handled: make(map[string]bool), last: make(map[string]int), inFlight: make(map[string]int)}
}

// enter checks that no other invocation has records of the same keys.
func (b *book) enter(rs []seen) (leave func()) {
	keys := make(map[string]bool)
	for _, r := range rs {
		keys[r.text(b.t, r.Key)] = true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.runs += len(rs)
	for k := range keys {
		if b.inFlight[k]++; b.inFlight[k] > 1 {
			b.t.Errorf("key %s is in two invocations at once", k)
		}
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for k := range keys {
			b.inFlight[k]--
		}
	}
}

// done notes records as handled; per key they come in order.
func (b *book) done(rs []seen) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range rs {
		key := r.text(b.t, r.Key)
		n, err := strconv.Atoi(strings.TrimLeft(r.text(b.t, r.Value), "0 "))
		if err != nil {
			b.t.Error(err)
		}
		at := fmt.Sprintf("%d/%d", r.Partition, r.Offset)
		if b.handled[at] {
			b.twice++
			continue
		}
		b.handled[at] = true
		if n != b.last[key]+1 {
			b.t.Errorf("key %s: %d was handled after %d", key, n, b.last[key])
		}
		b.last[key] = n
	}
}

// check compares what the group has committed with what was handled before.
func (b *book) check(committed map[int32]int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for num, offset := range committed {
		for o := range offset {
			if !b.handled[fmt.Sprintf("%d/%d", num, o)] {
				b.t.Errorf("partition %d: %d is committed and %d was not handled", num, offset, o)
				return
			}
		}
	}
}

func (b *book) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.handled)
}

// keyed are n records of some keys, numbered by key from 1, in partitions by key.
func keyed(topic string, n, keys, partitions, from int) (rs []*kgo.Record) {
	for i := range n {
		k := i % keys
		rs = append(rs, &kgo.Record{Topic: topic, Partition: int32(k % partitions), Key: []byte("key" + strconv.Itoa(k)),
			Value: []byte(fmt.Sprintf("%010d", from+i/keys+1))})
	}
	return rs
}

// TestFiftyThousand: fifty thousand keyed records through a function that fails at
// random, in lanes: each is handled, in the order of its key, and nobody who asks
// the group finds an offset committed behind a record that was not handled.
// Meanwhile a second node joins and leaves.
func TestFiftyThousand(t *testing.T) {
	const n, keys, partitions = 50_000, 500, 6
	c := cluster(t)
	b, name := open(t), topic(t, c, partitions)
	log := newBook(t)
	serve := func(rs []seen, _ []byte) (string, bool, error) {
		defer log.enter(rs)()
		switch rand.N(20) {
		case 0:
			return `{"errorMessage":"no luck"}`, true, nil
		case 1: // the first half, and no more
			half := len(rs) / 2
			log.done(rs[:half])
			return fmt.Sprintf(`{"batchItemFailures":[{"itemIdentifier":{"partition":"%s-%d","offset":%d}}]}`, rs[0].Topic, rs[0].Partition, rs[half].Offset), false, nil
		}
		log.done(rs)
		return `{"batchItemFailures":[]}`, false, nil
	}
	b.serve(serve)
	cl := client(t, c.Address)
	produce(t, cl, keyed(name, n, keys, partitions, 0)...)
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name, Parallel: 4, BatchSize: 100, Window: new(20), ReportFailures: true, Bisect: true,
		MinPollers: 2}, nil)
	stop := make(chan struct{})
	var checks sync.WaitGroup
	looks := 0
	checks.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				log.check(committed(t, cl, string(tr.ID), name, partitions))
				looks++
			}
		}
	})
	// The other node takes its share, and goes again.
	two := func(i int) func() (int, int) { return func() (int, int) { return i, 2 } }
	await(t, "a tenth", func() bool { return log.count() > n/10 })
	other := openOn(t, b.store)
	other.serve(serve)
	other.set(two(1))
	b.set(two(0))
	await(t, "a half", func() bool { return log.count() > n/2 })
	other.stop()
	b.set(func() (int, int) { return 0, 1 })
	await(t, "all", func() bool { return log.count() == n })
	await(t, "the last commits", func() bool {
		sum := int64(0)
		for _, offset := range committed(t, cl, string(tr.ID), name, partitions) {
			sum += offset
		}
		return sum == n
	})
	close(stop)
	checks.Wait()
	t.Logf("%d records handed over for %d, %d handled twice, %d looks at the commits", log.runs, n, log.twice, looks)
	if log.twice > 0 {
		t.Errorf("%d records were handled twice, though nobody was killed", log.twice)
	}
	await(t, "the counts", func() bool { return b.did(tr).Delivered == n })
}

// set changes which of how many nodes this is.
func (b *bench) set(share func() (int, int)) {
	b.mu.Lock()
	b.share = share
	b.mu.Unlock()
}

// TestRebalanceStorm: nodes that join and leave again and again while a function
// is slow: no record is handled twice, none is missed, and keys keep their order.
func TestRebalanceStorm(t *testing.T) {
	const n, keys, partitions, storms = 24_000, 60, 6, 4
	c := cluster(t)
	b, name := open(t), topic(t, c, partitions)
	log := newBook(t)
	serve := func(rs []seen, _ []byte) (string, bool, error) {
		defer log.enter(rs)()
		<-time.After(20 * time.Millisecond) // it is slow
		log.done(rs)
		return "", false, nil
	}
	b.serve(serve)
	cl := client(t, c.Address)
	produce(t, cl, keyed(name, n, keys, partitions, 0)...)
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name, Parallel: 2, BatchSize: 5, Window: new(5), MinPollers: partitions}, nil)
	two := func(i int) func() (int, int) { return func() (int, int) { return i, 2 } }
	for i := range storms {
		await(t, "progress", func() bool { return log.count() > n*i/(2*storms) })
		other := openOn(t, b.store)
		other.serve(serve)
		other.set(two(1))
		b.set(two(0))
		before := log.count()
		await(t, "progress of both", func() bool { return log.count() >= min(before+n/20, n) })
		log.check(committed(t, cl, string(tr.ID), name, partitions))
		other.stop()
		b.set(func() (int, int) { return 0, 1 })
	}
	await(t, "all", func() bool { return log.count() == n })
	await(t, "the last commits", func() bool {
		sum := int64(0)
		for _, offset := range committed(t, cl, string(tr.ID), name, partitions) {
			sum += offset
		}
		return sum == n
	})
	if log.twice > 0 {
		t.Errorf("%d records were handled twice, though nobody was killed", log.twice)
	}
}
