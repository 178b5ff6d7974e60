package workflow

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/asl/answer"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/jsonata"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// Deps is what workflows stand on, and the services that their tasks call. The
// funcs that are nil are offered no more: a task that wants them fails.
type Deps struct {
	Store *store.Store
	// Invoke runs a function: the one door.
	Invoke func(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error)
	// Call does an operation of one of ebb's own AWS APIs on behalf of a state
	// machine: service as in arn:aws:states:::aws-sdk:SERVICE:operation. ok is
	// false when there is no such service or operation here.
	Call func(ctx context.Context, c Call) (answer json.RawMessage, ok bool, err error)
	// Accept takes an asynchronous invocation: once it returns, it is durable.
	Accept func(ctx context.Context, inv *ebb.Invocation) error
	// Permit refuses what the role of a state machine may not; nil = roles may
	// everything within their service.
	Permit func(ctx context.Context, service ebb.ServiceID, role, action, resource string) error
	// Secret is the value of a service's secret: what an HTTP task authenticates
	// with. Dial connects it to where the service may. Without them there are no
	// HTTP tasks.
	Secret func(ctx context.Context, service ebb.ServiceID, name string) ([]byte, error)
	Dial   func(ctx context.Context, service ebb.ServiceID, network, address string) (net.Conn, error)
	// Logs take what state machines log of their executions; nil = nothing.
	Logs *logs.Store
	// Payloads keep what is too large for the database; nil = nothing may be.
	Payloads Payloads
	// Objects reads and writes what distributed Maps read and write.
	Objects Objects
	Log     *slog.Logger
}

// Call is an operation of an AWS API that a task asks for.
type Call struct {
	Service    ebb.ServiceID
	Role       string // of the state machine
	API        string // lambda, sfn, s3, …
	Operation  string // as the task spells it: getFunction
	Parameters json.RawMessage
	Trace      string // header of the execution
}

// Engine keeps state machines and runs their executions. It is safe for
// concurrent use.
type Engine struct {
	cfg     Config
	deps    Deps
	store   *store.Store
	queue   *queue.Queue
	log     *slog.Logger
	jsonata *jsonata.Engine

	machines   machines
	targets    targets
	executions executions
	running    running
	waiters    waiters
	histories  histories
	mapRuns    mapRuns
	bearers    bearers
	answers    func() (*answer.Shapes, error) // unpacked once, when a mock is first checked

	life       context.Context // ends when Run is asked to
	end        context.CancelFunc
	background sync.WaitGroup // calls of functions that nobody waits for any more

	// failpoint is called before and after a step's transaction, "decided" and
	// "committed", for tests that end the process there.
	failpoint func(point string, l *live)
}

// New makes an engine. Bind comes before anything else.
func New(cfg Config, deps Deps) *Engine {
	cfg = cfg.withDefaults()
	e := &Engine{cfg: cfg, deps: deps, store: deps.Store, log: deps.Log, jsonata: jsonata.New(jsonata.Config{}),
		failpoint: func(string, *live) {}}
	e.life, e.end = context.WithCancel(context.Background())
	e.machines.known = make(map[machineKey]*machine)
	e.executions.budget = int64(cfg.CacheMB) << 20
	e.executions.byID = make(map[ebb.ExecutionID]*live)
	e.running.calls = make(map[runningKey]context.CancelFunc)
	e.waiters.at = make(map[string]chan struct{})
	e.mapRuns.here = make(map[string]*mapRun)
	e.answers = sync.OnceValues(answer.Load)
	return e
}

// Queues of the engine.
const (
	queueTask    = "workflow.task"    // call a resource
	queueTimer   = "workflow.timer"   // a time has come
	queueStep    = "workflow.step"    // go on deciding; a child ended; a cancelled op
	queueExpress = "workflow.express" // an asynchronous Express execution
	queueMap     = "workflow.map"     // a map run
)

// Handlers are what the engine does with messages, for queue.New.
func (e *Engine) Handlers() map[string]queue.Handler {
	return map[string]queue.Handler{
		queueTask:    e.handleTask,
		queueTimer:   e.handleTimer,
		queueStep:    e.handleStep,
		queueExpress: e.handleExpress,
		queueMap:     e.handleMapRun,
	}
}

// Queues are the options of the engine's queues. Which messages a process held
// when it died says little of them: they are ebb's own work, or calls that run in
// boxes. So they are handled again, and only after many deaths a task fails.
func (e *Engine) Queues() map[string]queue.Options {
	all := make(map[string]queue.Options)
	for name, handle := range e.Handlers() {
		all[name] = queue.Options{Poison: func(m *queue.Message, reason string) queue.Outcome {
			ctx := e.life
			w, err := e.read(ctx, m)
			if err != nil || w.Task == nil || m.Crashes < maxCrashes {
				return handle(ctx, m)
			}
			name := asl.ErrTaskFailed
			return e.settle(m, e.deliver(ctx, w.Execution, &arrival{
				ask: wanted(w.Op), events: []asl.Event{{Kind: asl.TaskFailed, Op: w.Op, Error: &name, Cause: &reason}},
			}))
		}}
	}
	tasks := all[queueTask]
	tasks.Concurrency = taskConcurrency
	all[queueTask] = tasks
	return all
}

// maxCrashes is how many processes may die with a task in their hands before it
// fails.
const maxCrashes = 20

// taskConcurrency is how many calls of resources this process makes at once.
const taskConcurrency = 1024

// Bind gives the engine the queue that its Handlers went into.
func (e *Engine) Bind(q *queue.Queue) { e.queue = q }

// Run sweeps what is old until ctx ends, and then waits for calls in flight that
// no execution waits for any more.
func (e *Engine) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, e.end)()
	e.sweepUntil(ctx)
	e.background.Wait()
	return nil
}

func (e *Engine) now() time.Time { return e.cfg.Now().UTC().Truncate(time.Millisecond) }

// newID is an id that grows with time.
func newID() string {
	id, err := uuid.NewV7()
	if err != nil { // the system's randomness is gone; nothing can be decided
		panic("workflow: id: " + err.Error())
	}
	return id.String()
}
