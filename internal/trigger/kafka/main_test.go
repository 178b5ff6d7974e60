package kafka_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
	"github.com/ebb-faas/ebb/internal/trigger/kafka"
	"github.com/ebb-faas/ebb/internal/trigger/kafka/kafkatest"
)

const limit = time.Minute

// real is the Kafka that the tests of this package share.
var real = struct {
	sync.Mutex
	b      *kafkatest.Broker
	secure *kafkatest.Secure
	dir    string
	err    error
}{}

func TestMain(m *testing.M) {
	code := m.Run()
	if real.b != nil {
		_ = real.b.Kill()
	}
	if real.dir != "" {
		_ = os.RemoveAll(real.dir)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// cluster is the real Kafka, started by the first test that needs one.
func cluster(t *testing.T) *kafkatest.Broker {
	t.Helper()
	real.Lock()
	defer real.Unlock()
	if real.b == nil && real.err == nil {
		if real.dir, real.err = os.MkdirTemp("", "ebb-kafka-"); real.err == nil {
			if real.secure, real.err = kafkatest.NewSecure(); real.err == nil {
				real.b, real.err = kafkatest.Start(context.Background(), kafkatest.Config{Dir: real.dir, Secure: real.secure})
			}
		}
	}
	kafkatest.Check(t, real.err)
	return real.b
}

// topics makes the names of topics differ between runs of one test.
var topics atomic.Int64

// topic makes a topic of the test's.
func topic(t *testing.T, b *kafkatest.Broker, partitions int) string {
	t.Helper()
	name := fmt.Sprintf("%s-%d", strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()), topics.Add(1))
	if err := b.CreateTopic(t.Context(), name, partitions); err != nil {
		t.Fatal(err)
	}
	return name
}

// client is a client of the test's own.
func client(t *testing.T, address string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(address), kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func produce(t *testing.T, cl *kgo.Client, rs ...*kgo.Record) {
	t.Helper()
	if err := cl.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// committed are the group's offsets, asked for by a client of its own.
func committed(t *testing.T, cl *kgo.Client, group, topic string, partitions int) map[int32]int64 {
	t.Helper()
	req := kmsg.NewPtrOffsetFetchRequest()
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	gt := kmsg.NewOffsetFetchRequestGroupTopic()
	gt.Topic = topic
	for n := range partitions {
		gt.Partitions = append(gt.Partitions, int32(n))
	}
	g.Topics = append(g.Topics, gt)
	req.Groups = append(req.Groups, g)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	res, err := req.RequestWith(ctx, cl)
	if err != nil {
		t.Fatal(err)
	}
	at := make(map[int32]int64)
	for _, p := range res.Groups[0].Topics[0].Partitions {
		at[p.Partition] = p.Offset
	}
	return at
}

// seen is one record as a function got it.
type seen struct {
	Topic         string             `json:"topic"`
	Partition     int32              `json:"partition"`
	Offset        int64              `json:"offset"`
	Timestamp     int64              `json:"timestamp"`
	TimestampType string             `json:"timestampType"`
	Key           *string            `json:"key"`
	Value         *string            `json:"value"`
	Headers       []map[string][]int `json:"headers"`
}

func (s *seen) text(t *testing.T, v *string) string {
	t.Helper()
	if v == nil {
		return ""
	}
	b, err := base64.StdEncoding.DecodeString(*v)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// bench is a platform of triggers whose functions are the test's.
type bench struct {
	*trigger.Triggers
	t     *testing.T
	store *store.Store
	stop  func()

	mu      sync.Mutex
	handle  func(rs []seen, payload []byte) (answer string, failed bool, err error)
	sent    []string          // events for other targets and failures
	secrets map[string]string // content of secrets
	share   func() (int, int)
	logged  testLog
}

func open(t *testing.T) *bench {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "ebb.db")})
	if err != nil {
		t.Fatal(err)
	}
	b := openOn(t, s)
	t.Cleanup(func() {
		b.stop()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// openOn is another process on the same database.
func openOn(t *testing.T, s *store.Store) *bench {
	t.Helper()
	b := &bench{t: t, store: s, secrets: make(map[string]string), share: func() (int, int) { return 0, 1 }, logged: testLog{t: t}}
	log := slog.New(slog.NewTextHandler(&b.logged, &slog.HandlerOptions{Level: slog.LevelWarn}))
	kind := kafka.New(kafka.Deps{
		Store: s, Log: log, Drain: 10 * time.Second, Invoke: b.invoke,
		Count: func(t ebb.TriggerRef, c ebb.TriggerCounts) { b.Count(t, c) },
		Note:  func(ctx context.Context, t *ebb.Trigger, was, why string) bool { return b.Note(ctx, t, was, why) },
		Secret: func(_ context.Context, _ ebb.ServiceID, ref ebb.SecretRef) ([]byte, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if v, ok := b.secrets[ref.Name]; ok {
				return []byte(v), nil
			}
			return nil, ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "no")
		},
		Send: func(_ context.Context, _ *ebb.Trigger, id ebb.MessageID, event []byte) (func(*store.Tx) error, error) {
			return b.keep(string(id) + " " + string(event)), nil
		},
		Fail: func(_ context.Context, _ *ebb.Trigger, id ebb.MessageID, folder string, content []byte) (func(*store.Tx) error, error) {
			return b.keep(string(id) + " " + folder + " " + string(content)), nil
		},
		Share: func(context.Context) (int, int, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			i, n := b.share()
			return i, n, nil
		},
	})
	b.Triggers = trigger.New(trigger.Config{Rescan: 100 * time.Millisecond}, trigger.Deps{Store: s, Log: log,
		CheckTarget: func(context.Context, ebb.ServiceID, string) error { return nil },
		Send: func(_ context.Context, _ *ebb.Trigger, id ebb.MessageID, event []byte) (func(*store.Tx) error, error) {
			return b.keep(string(id) + " " + string(event)), nil
		},
	}, map[ebb.TriggerKind]trigger.Kind{ebb.TriggerKafka: kind})
	ctx, cancel := context.WithCancel(context.Background())
	done, counted := make(chan error, 1), make(chan error, 1)
	counting, stopCounts := context.WithCancel(context.Background())
	go func() { done <- b.Run(ctx) }()
	go func() { counted <- b.RunCounts(counting) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		err := <-done
		stopCounts()
		if err := errors.Join(err, <-counted); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(b.stop)
	return b
}

type testLog struct {
	t *testing.T

	mu   sync.Mutex
	text strings.Builder
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	if l.t.Context().Err() == nil {
		l.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

// has reports whether a text was logged.
func (l *testLog) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

func (b *bench) keep(what string) func(*store.Tx) error {
	return func(*store.Tx) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.sent = append(b.sent, what)
		return nil
	}
}

// invoke is the door: it has the test handle the records.
func (b *bench) invoke(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
	var event struct {
		EventSource string            `json:"eventSource"`
		Records     map[string][]seen `json:"records"`
	}
	if err := json.Unmarshal(inv.Payload, &event); err != nil {
		b.t.Errorf("event %.200s: %v", inv.Payload, err)
	}
	var rs []seen
	for part, of := range event.Records {
		for _, r := range of {
			if part != fmt.Sprintf("%s-%d", r.Topic, r.Partition) {
				b.t.Errorf("a record of %s-%d stands under %s", r.Topic, r.Partition, part)
			}
			rs = append(rs, r)
		}
	}
	b.mu.Lock()
	handle := b.handle
	b.mu.Unlock()
	answer, failed, err := handle(rs, inv.Payload)
	if err != nil {
		return ebb.Result{}, err
	}
	res := ebb.Result{Version: "$LATEST"}
	if failed {
		res.FunctionError, res.ErrorType = ebb.FunctionErrorUnhandled, "TestError"
	}
	if err := sink.Head(ebb.Head{FunctionError: res.FunctionError}); err != nil {
		return res, err
	}
	_, err = sink.Write([]byte(answer))
	return res, err
}

func (b *bench) serve(handle func(rs []seen, payload []byte) (string, bool, error)) {
	b.mu.Lock()
	b.handle = handle
	b.mu.Unlock()
}

const function = "arn:aws:lambda:us-east-1:000000000000:function:f"

// reads makes a trigger that reads a topic.
func (b *bench) reads(s kafka.Settings, edit func(*ebb.Trigger)) *ebb.Trigger {
	b.t.Helper()
	settings, err := json.Marshal(s)
	if err != nil {
		b.t.Fatal(err)
	}
	t := ebb.Trigger{TriggerKey: ebb.TriggerKey{Service: ebb.DefaultService, Name: "t"}, Kind: ebb.TriggerKafka, Target: function, Settings: settings}
	if edit != nil {
		edit(&t)
	}
	made, err := b.Create(b.t.Context(), t)
	if err != nil {
		b.t.Fatal(err)
	}
	return made
}

// await waits until ok is true.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("no sign of %s", what)
		}
		<-tick.C
	}
}

// did is what became of the trigger's records.
func (b *bench) did(tr *ebb.Trigger) *ebb.TriggerCounts {
	b.t.Helper()
	s, err := b.Counts(b.t.Context(), tr)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}
