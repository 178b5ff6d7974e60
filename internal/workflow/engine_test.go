package workflow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/objects"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(postgrestest.Tests{M: m}) }

const (
	testRole = "arn:aws:iam::000000000000:role/worker"
	service  = ebb.DefaultService
)

// visibility is long: tests say themselves when a process ends, and the clock may
// be fast.
const visibility = 24 * time.Hour

// rig is an engine over a real store and a real queue. Functions are Go funcs;
// one that is not named echoes its payload.
type rig struct {
	*Engine
	t         testing.TB
	dir       string
	database  store.Config
	failpoint func(e *Engine, point string, l *live) // of the engines to be opened; nil = none
	functions map[string]func(ctx context.Context, payload []byte) (any, error)

	mu      sync.Mutex
	objects map[string][]byte
	calls   map[string]int // by function
	stop    func()

	accepted []string          // invocations of type Event
	secrets  map[string]string // by name
	denied   map[string]bool   // actions
	asked    []string          // ROLE ACTION RESOURCE
	logs     *logs.Store
	packages *artifact.Store
}

// lambdaError is an error document of a function.
type lambdaError struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

func (e *lambdaError) Error() string { return e.Type }

func newRig(t testing.TB) *rig {
	t.Helper()
	r := bareRig(t)
	_, bench := t.(*testing.B) // where a fn that runs twice measures nothing
	r.database = store.Config{Path: filepath.Join(r.dir, "ebb.db"), Twice: !bench}
	r.open(Config{})
	t.Cleanup(func() { r.stop() })
	return r
}

// bareRig has no database and no engine yet.
func bareRig(t testing.TB) *rig {
	return &rig{t: t, secrets: make(map[string]string), dir: t.TempDir(), objects: make(map[string][]byte), calls: make(map[string]int), functions: make(map[string]func(context.Context, []byte) (any, error))}
}

// dialHere connects to nowhere but this machine.
func dialHere(ctx context.Context, _ ebb.ServiceID, network, address string) (net.Conn, error) {
	if !strings.HasPrefix(address, "127.0.0.1:") {
		return nil, fmt.Errorf("%s is closed", address)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// open starts the engine; the database is what an earlier one left.
func (r *rig) open(cfg Config) {
	r.t.Helper()
	s, err := store.Open(context.Background(), r.database)
	must(r.t, err)
	log := slog.New(slog.DiscardHandler)
	r.logs, err = logs.Open(logs.Config{Dir: filepath.Join(r.dir, "logs")}, log)
	must(r.t, err)
	r.packages, err = artifact.Open(artifact.Config{Dir: filepath.Join(r.dir, "packages")})
	must(r.t, err)
	r.Engine = New(cfg, Deps{
		Store: s, Invoke: r.invoke, Log: log, Logs: r.logs, Payloads: r.packages,
		Objects: Objects{Get: r.get, Put: r.put, List: r.list},
		Accept:  r.accept, Permit: r.permit, Secret: r.secret, Dial: dialHere,
	})
	if e := r.Engine; r.failpoint != nil {
		e.failpoint = func(point string, l *live) { r.failpoint(e, point, l) }
	}
	q := queue.New(queue.Config{Exclusive: true, Drain: 5 * time.Second, Queues: r.Queues(), Now: cfg.Now, Visibility: visibility}, s, r.Handlers(), log)
	r.Bind(q)
	ctx, cancel := context.WithCancel(context.Background())
	below, end := context.WithCancel(context.Background()) // what the queue's handlers stand on ends after them
	e := r.Engine
	var front, ground sync.WaitGroup
	front.Go(func() { must(r.t, q.Run(ctx)) })
	ground.Go(func() { must(r.t, e.Run(below)) })
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			cancel()
			front.Wait()
			end()
			ground.Wait()
			must(r.t, s.Close())
		})
	}
}

func (r *rig) invoke(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
	r.mu.Lock()
	r.calls[inv.Name]++
	f := r.functions[inv.Name]
	r.mu.Unlock()
	if inv.Name == "missing" {
		return ebb.Result{}, ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Function not found: %s", ebb.FunctionARN("us-east-1", inv.FunctionKey, ""))
	}
	res := ebb.Result{Version: "$LATEST"}
	if f == nil {
		must(r.t, sink.Head(ebb.Head{}))
		_, err := sink.Write(inv.Payload)
		return res, err
	}
	v, err := f(ctx, inv.Payload)
	own, failed := errors.AsType[*lambdaError](err)
	if err != nil && !failed {
		return res, err
	}
	head := ebb.Head{}
	if failed {
		head.FunctionError, v = ebb.FunctionErrorUnhandled, own
	}
	must(r.t, sink.Head(head))
	text, err := json.Marshal(v)
	must(r.t, err)
	_, err = sink.Write(text)
	return res, err
}

func (r *rig) get(_ context.Context, _ ebb.ServiceID, bucket, key string) (io.ReadCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, ok := r.objects[bucket+"/"+key]
	if !ok {
		return nil, fmt.Errorf("NoSuchKey: %s", key)
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (r *rig) put(_ context.Context, _ ebb.ServiceID, bucket, key string, body io.Reader, _ int64) error {
	b, err := io.ReadAll(body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.objects[bucket+"/"+key] = b
	return err
}

func (r *rig) list(_ context.Context, _ ebb.ServiceID, bucket, prefix string, each func(objects.Object) bool) error {
	r.mu.Lock()
	keys := slices.Sorted(maps.Keys(r.objects))
	r.mu.Unlock()
	for _, k := range keys {
		if name, ok := strings.CutPrefix(k, bucket+"/"); ok && strings.HasPrefix(name, prefix) && !each(objects.Object{Key: name, Size: 1, ETag: `"e"`, StorageClass: "STANDARD"}) {
			return nil
		}
	}
	return nil
}

// create makes a state machine of a definition and returns its ARN.
func (r *rig) create(name, kind, definition string) string {
	r.t.Helper()
	m, _, err := r.CreateStateMachine(context.Background(), Create{StateMachineKey: ebb.StateMachineKey{Service: service, Name: name}, Type: kind, Definition: definition, Role: testRole})
	must(r.t, err)
	return ebb.StateMachineARN("us-east-1", m.StateMachineKey, "")
}

func (r *rig) begin(machine, input string) string {
	r.t.Helper()
	arn, _, err := r.Start(context.Background(), Start{StateMachine: machine, Input: &input})
	must(r.t, err)
	return arn
}

// end waits for the end of an execution.
func (r *rig) end(arn string) *ebb.Execution {
	r.t.Helper()
	var x *ebb.Execution
	r.until("the end of "+arn, func() bool {
		var err error
		x, err = r.Execution(context.Background(), arn)
		must(r.t, err)
		return x.Status != ebb.ExecutionRunning && x.Status != ebb.ExecutionPendingRedrive
	})
	return x
}

// until waits for something to become true.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			r.t.Fatalf("%s does not come", what)
		}
	}
}

// run starts an execution and waits for its end.
func (r *rig) run(definition, input string) *ebb.Execution {
	r.t.Helper()
	return r.end(r.begin(r.create("m"+newID()[:13]+newID()[24:], "", definition), input))
}

// types are the types of an execution's history, in order.
func (r *rig) types(x *ebb.Execution) []string {
	r.t.Helper()
	var out []string
	for _, h := range r.history(x) {
		out = append(out, h.Type)
	}
	return out
}

func (r *rig) history(x *ebb.Execution) []*asl.HistoryEvent {
	r.t.Helper()
	all, _, err := r.History(context.Background(), x, 1, 30_000, false)
	must(r.t, err)
	for i, h := range all {
		if h.ID != int64(i+1) {
			r.t.Fatalf("event %d has id %d", i+1, h.ID)
		}
	}
	return all
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// is checks status and output, or error.
func is(t testing.TB, x *ebb.Execution, status, want string) {
	t.Helper()
	got := str(x.Outcome.Output)
	if x.Outcome.Output == nil {
		got = str(x.Outcome.Error) + ": " + str(x.Outcome.Cause)
	}
	if x.Status != status || got != want && (x.Outcome.Output != nil || !strings.HasPrefix(got, want)) {
		t.Errorf("%s %s\nwant %s %s", x.Status, got, status, want)
	}
}

func str(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}
