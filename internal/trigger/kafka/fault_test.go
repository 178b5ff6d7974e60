package kafka_test

import (
	"context"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/trigger/kafka"
	"github.com/ebb-faas/ebb/internal/trigger/kafka/kafkatest"
)

// own starts a Kafka of the test's own, which it may kill.
func own(t *testing.T, proxied string) *kafkatest.Broker {
	t.Helper()
	cluster(t) // skips where there is no Java
	dir, err := os.MkdirTemp("", "ebb-kafka-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c, err := kafkatest.Start(t.Context(), kafkatest.Config{Dir: dir, Proxied: proxied})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Kill(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// TestBrokerKilled: a broker that is killed while a batch is in flight, and comes
// back, costs nothing but time; meanwhile the trigger's state says that it is gone.
func TestBrokerKilled(t *testing.T) {
	const n, keys = 2000, 50
	c := own(t, "")
	b, name := open(t), topic(t, c, 2)
	log := newBook(t)
	midway, hold := make(chan struct{}), make(chan struct{})
	var once sync.Once
	b.serve(func(rs []seen, _ []byte) (string, bool, error) {
		defer log.enter(rs)()
		if log.count() > n/4 {
			once.Do(func() {
				close(midway)
				<-hold
			})
		}
		log.done(rs)
		return "", false, nil
	})
	cl := client(t, c.Address)
	produce(t, cl, keyed(name, n, keys, 2, 0)...)
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name, BatchSize: 50, Window: new(10)}, nil)
	<-midway
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	close(hold)
	b.says(tr, "the cluster does not answer")
	if err := c.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, "all", func() bool { return log.count() == n })
	await(t, "the commits", func() bool {
		at := committed(t, cl, string(tr.ID), name, 2)
		log.check(at)
		return at[0]+at[1] == n
	})
	b.says(tr, "")
	t.Logf("%d records handled twice", log.twice)
}

// says waits until the trigger's state says why its source is down.
func (b *bench) says(tr *ebb.Trigger, want string) {
	b.t.Helper()
	await(b.t, "the state "+want, func() bool {
		s, err := b.State(b.t.Context(), tr)
		return err == nil && (want == "" && s.Error == "" || want != "" && strings.Contains(s.Error, want))
	})
}

// wire passes connections on to a broker, until it is cut.
type wire struct {
	l net.Listener

	mu    sync.Mutex
	to    string
	cut   bool
	conns []net.Conn
	done  sync.WaitGroup
}

func newWire(t *testing.T) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{l: l}
	w.done.Go(w.serve)
	t.Cleanup(func() {
		_ = l.Close()
		w.set(true)
		w.done.Wait()
	})
	return w
}

func (w *wire) serve() {
	for {
		in, err := w.l.Accept()
		if err != nil {
			return
		}
		w.mu.Lock()
		to, cut := w.to, w.cut
		w.mu.Unlock()
		out, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", to)
		if cut || err != nil {
			_ = in.Close()
			if err == nil {
				_ = out.Close()
			}
			continue
		}
		w.mu.Lock()
		if cut = w.cut; !cut {
			w.conns = append(w.conns, in, out)
		}
		w.mu.Unlock()
		if cut { // while the broker was dialled
			_ = in.Close()
			_ = out.Close()
			continue
		}
		for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
			w.done.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				_ = pair[0].Close()
				_ = pair[1].Close()
			})
		}
	}
}

// lead says where the wire leads.
func (w *wire) lead(to string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.to = to
}

// set cuts the wire, or mends it.
func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	if cut {
		for _, c := range w.conns {
			_ = c.Close()
		}
		w.conns = nil
	}
}

// TestNetworkCut: what was in flight when the network was cut may be handled again
// when it is back, and nothing is missed; the state tells.
func TestNetworkCut(t *testing.T) {
	const n, keys = 2000, 50
	w := newWire(t)
	c := own(t, w.l.Addr().String())
	w.lead(c.Behind)
	b, name := open(t), topic(t, c, 2)
	log := newBook(t)
	midway := make(chan struct{})
	var once sync.Once
	b.serve(func(rs []seen, _ []byte) (string, bool, error) {
		defer log.enter(rs)()
		log.done(rs)
		if log.count() > n/4 {
			once.Do(func() { close(midway) })
		}
		return "", false, nil
	})
	cl := client(t, c.Address)
	produce(t, cl, keyed(name, n/2, keys, 2, 0)...)
	tr := b.reads(kafka.Settings{Brokers: []string{w.l.Addr().String()}, Topic: name, BatchSize: 50, Window: new(10)}, nil)
	<-midway
	w.set(true)
	produce(t, cl, keyed(name, n/2, keys, 2, n/2/keys)...)
	b.says(tr, "the cluster does not answer")
	w.set(false)
	await(t, "all", func() bool { return log.count() == n })
	await(t, "the commits", func() bool {
		at := committed(t, cl, string(tr.ID), name, 2)
		log.check(at)
		return at[0]+at[1] == n
	})
	b.says(tr, "")
	t.Logf("%d records handled twice", log.twice)
}

// TestFailingBatchIsLetGo: a batch that fails for ever does not hold up its
// partition's way to another node, which goes on with it; nobody handles what the
// first one had handled, and keys keep their order.
func TestFailingBatchIsLetGo(t *testing.T) {
	for parallel := 1; parallel <= 2; parallel++ {
		t.Run(strconv.Itoa(parallel), func(t *testing.T) {
			c := cluster(t)
			b, name := open(t), topic(t, c, 1)
			var failed, fine atomic.Int32
			b.serve(func(rs []seen, _ []byte) (string, bool, error) {
				if rs[0].text(t, rs[0].Key) == "key0" {
					failed.Add(1)
					return "", true, nil
				}
				fine.Add(1)
				return "", false, nil
			})
			cl := client(t, c.Address)
			rs := append(keyed(name, 3, 1, 1, 0), keyed(name, 60, 20, 1, 0)[1:20]...)
			produce(t, cl, rs...)
			tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name, BatchSize: 1, Window: new(5), Parallel: parallel}, nil)
			await(t, "some tries", func() bool { return failed.Load() >= 3 && (parallel == 1 || fine.Load() > 0) })
			b.stop()
			if b.logged.has("are given up while") {
				t.Error("the batch held up the partition for as long as a partition may be")
			}
			other := openOn(t, b.store)
			log := newBook(t)
			other.serve(func(rs []seen, _ []byte) (string, bool, error) {
				defer log.enter(rs)()
				log.done(rs)
				return "", false, nil
			})
			await(t, "all", func() bool { return committed(t, cl, string(tr.ID), name, 1)[0] == int64(len(rs)) })
			if parallel == 1 && log.count() != len(rs) {
				t.Errorf("the other node handled %d of %d", log.count(), len(rs))
			}
		})
	}
}
