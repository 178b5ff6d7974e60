package deliver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/postgrestest"
	"github.com/ebb-faas/ebb/internal/store/storetest"
	"github.com/ebb-faas/ebb/runtimes"
)

func TestMain(m *testing.M) {
	if what := os.Getenv(crasher); what != "" {
		if err := crash(what); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(postgrestest.Tests{M: m})
}

const service = ebb.DefaultService

// bed is asynchronous invocation over a real database and a real queue; only
// what would run functions, and what is outside, is the test's own.
type bed struct {
	*deliver.Deliver
	store     *store.Store
	queue     *queue.Queue
	packages  *artifact.Store
	functions *function.Functions
	key       ebb.FunctionKey
	logged    *lockedBuffer
	stop      func() error

	mu     sync.Mutex
	invoke func(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error)
	dead   string // of every version: its dead-letter target
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// fileIn is the database of SQLite in a folder. Every fn runs twice.
func fileIn(dir string) store.Config {
	return store.Config{Path: filepath.Join(dir, "ebb.db"), Twice: true}
}

// openBed opens one on dir and a database and runs it until its stop is called.
func openBed(dir string, db store.Config, cfg deliver.Config, q queue.Config, targets map[ebb.TargetKind]deliver.Target) (b *bed, err error) {
	b = &bed{key: storetest.Key("f"), logged: &lockedBuffer{}}
	if b.store, err = store.Open(context.Background(), db); err != nil {
		return nil, err
	}
	if b.packages, err = artifact.Open(artifact.Config{Dir: filepath.Join(dir, "packages")}); err != nil {
		return nil, errors.Join(err, b.store.Close())
	}
	b.functions = function.New(function.Config{CheckTarget: func(key ebb.FunctionKey, to ebb.Target) error { return b.Check(key, to) }},
		b.store, b.packages, &runtimes.Catalog{})
	log := slog.New(slog.NewTextHandler(b.logged, nil))
	q.Queues = deliver.Queues(func(m *queue.Message, why string) queue.Outcome { return b.Poisoned(m, why) })
	b.queue = queue.New(q, b.store, map[string]queue.Handler{
		deliver.Async:        func(ctx context.Context, m *queue.Message) queue.Outcome { return b.Async(ctx, m) },
		deliver.Destinations: func(ctx context.Context, m *queue.Message) queue.Outcome { return b.Destination(ctx, m) },
	}, log)
	b.Deliver = deliver.New(cfg, deliver.Deps{
		Store: b.store, Queue: b.queue, Functions: b.functions, Payloads: b.packages, Log: log,
		Resolve: b.resolve,
		Invoke: func(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
			b.mu.Lock()
			invoke := b.invoke
			b.mu.Unlock()
			return invoke(ctx, inv, sink)
		},
	}, targets)
	b.functions.OnChange(b.Forget)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.queue.Run(ctx) }()
	b.stop = sync.OnceValue(func() error {
		cancel()
		return errors.Join(<-ended, b.packages.Close(), b.store.Close())
	})
	return b, nil
}

// newBed runs one, with a function f, until the test ends.
func newBed(t testing.TB, cfg deliver.Config, targets map[ebb.TargetKind]deliver.Target) *bed {
	t.Helper()
	dir := t.TempDir()
	db := fileIn(dir)
	if _, bench := t.(*testing.B); bench {
		db.Twice = false
	}
	b, err := openBed(dir, db, cfg, queue.Config{Exclusive: true, Now: cfg.Now}, targets)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.stop(); err != nil {
			t.Error(err)
		}
	})
	storetest.Must(t, b.store, func(tx *store.Tx) error { return storetest.Insert(tx, "f") })
	return b
}

func (b *bed) resolve(_ context.Context, key ebb.FunctionKey, _ string) (*ebb.Version, error) {
	if key.Name == "none" {
		return nil, ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Function not found: %s", key.Name)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return &ebb.Version{FunctionKey: key, DeadLetter: b.dead}, nil
}

// runs says what invoking a function does.
func (b *bed) runs(f func(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.invoke = f
}

// answers is a function that answers with text; failed says that it raised.
func answers(sink ebb.Sink, text string, failed string) (ebb.Result, error) {
	res := ebb.Result{Version: "$LATEST"}
	if failed != "" {
		res.FunctionError, res.ErrorType = ebb.FunctionErrorUnhandled, failed
	}
	if err := sink.Head(ebb.Head{FunctionError: res.FunctionError}); err != nil {
		return res, err
	}
	_, err := sink.Write([]byte(text))
	return res, err
}

// accept takes an event and returns the task's id.
func (b *bed) accept(t testing.TB, id ebb.MessageID, payload string) ebb.MessageID {
	t.Helper()
	inv := &ebb.Invocation{ID: ebb.InvocationID(uuid.NewString()), FunctionKey: b.key, Payload: []byte(payload), TraceID: "Root=1-5759e988-bd862e3fe1be46a994272793"}
	if err := b.Accept(context.Background(), inv, id); err != nil {
		t.Fatal(err)
	}
	if id == "" {
		id = ebb.MessageID(inv.ID)
	}
	return id
}

// becomes waits for a task's state.
func (b *bed) becomes(t testing.TB, id ebb.MessageID, state ebb.TaskState) (task *ebb.Task) {
	t.Helper()
	eventually(t, func() (err error) {
		if task, err = b.Task(context.Background(), service, id); err == nil && task.State != state {
			err = fmt.Errorf("task is %+v, want %s", task, state)
		}
		return err
	})
	return task
}

// eventually waits for what other goroutines bring about.
func eventually(t testing.TB, check func() error) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(err)
		}
	}
}

// BenchmarkThrough is an event's whole way but for the function.
func BenchmarkThrough(b *testing.B) {
	bed := newBed(b, deliver.Config{}, nil)
	var handled sync.WaitGroup
	bed.runs(func(_ context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		defer handled.Done()
		return answers(sink, `{"ok":true}`, "")
	})
	handled.Add(b.N)
	payload := `"` + strings.Repeat("x", 1022) + `"`
	b.ReportAllocs()
	b.ResetTimer()
	var callers sync.WaitGroup
	for n := range 64 {
		callers.Go(func() {
			for i := n; i < b.N; i += 64 {
				bed.accept(b, "", payload)
			}
		})
	}
	callers.Wait()
	handled.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
