package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/logs"
)

// stall is how long a client may leave a stream unread.
const stall = 30 * time.Second

// LogLine is one line of GET /v1/functions/{name}/logs. An empty line between
// them means that the stream lives.
type LogLine struct {
	Time     time.Time `json:"time"`
	Kind     string    `json:"kind" enum:"function,platform,extension"`
	Level    string    `json:"level,omitempty" doc:"TRACE to FATAL, absent if none was given"`
	Request  string    `json:"request,omitempty" doc:"id of the invocation"`
	Version  string    `json:"version,omitempty"`
	Instance string    `json:"instance,omitempty"`
	Text     string    `json:"text"`
}

type logsInput struct {
	Name string `path:"name" maxLength:"170" doc:"name, partial ARN or ARN of the function"`
	LogsQuery
}

type workflowLogsInput struct {
	Name string `path:"name" maxLength:"80" doc:"name of the state machine"`
	LogsQuery
}

// LogsQuery is which lines are asked for.
type LogsQuery struct {
	Since    string `query:"since" doc:"not before: RFC 3339, or how long ago (10m)"`
	Until    string `query:"until" doc:"before: RFC 3339, or how long ago"`
	Request  string `query:"request" maxLength:"64" doc:"of one invocation, by its request id"`
	Contains string `query:"contains" maxLength:"1024" doc:"text that must occur"`
	Limit    int    `query:"limit" minimum:"0" maximum:"10000" doc:"the newest so many; 0 = all"`
	Follow   bool   `query:"follow" doc:"go on with new lines until the client leaves"`
}

// query checks the input.
func (in *LogsQuery) query(key ebb.FunctionKey, now time.Time) (q logs.Query, err error) {
	q = logs.Query{FunctionKey: key, Request: ebb.InvocationID(in.Request), Contains: in.Contains,
		Limit: in.Limit, Newest: in.Limit > 0, Follow: in.Follow}
	if q.Since, err = moment("since", in.Since, now); err != nil {
		return q, err
	}
	if q.Until, err = moment("until", in.Until, now); err != nil {
		return q, err
	}
	if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		return q, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "until: is not after since")
	}
	return q, nil
}

// moment reads a time, or how long before now it was.
func moment(field, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
			"%s: %.60q is neither a time (2026-11-22T11:00:00Z) nor a duration (10m)", field, s)
	}
	return t, nil
}

// key reads which function is meant. Without a service it is the caller's.
func (a *API) key(ctx context.Context, name string) (ebb.FunctionKey, error) {
	ref, err := ebb.ParseFunctionRef(name)
	if err != nil {
		return ebb.FunctionKey{}, err
	}
	p := auth.From(ctx)
	if ref.Service == "" {
		ref.Service = p.Service
	}
	if !p.Reaches(ref.Service) {
		return ebb.FunctionKey{}, ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied,
			"User: %s is not authorized to know of the function %s of another service", p.ARN, ref.Name)
	}
	return ebb.FunctionKey{Service: ref.Service, Name: ref.Name}, nil
}

func (a *API) logs(ctx context.Context, in *logsInput) (*huma.StreamResponse, error) {
	key, err := a.key(ctx, in.Name)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	q, err := in.query(key, a.cfg.Now())
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	// Logs outlive their function: of one that is gone what there is is told.
	_, _, gone := a.cfg.Functions.Get(ctx, key, "")
	if gone != nil && ebb.KindOf(gone) != ebb.NotFound {
		return nil, a.problem(ctx, gone)
	}
	q.Follow = q.Follow && gone == nil
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		a.streamLogs(w, r, q, gone)
	}}, nil
}

func (a *API) workflowLogs(ctx context.Context, in *workflowLogsInput) (*huma.StreamResponse, error) {
	if !ebb.ValidStatesName(in.Name) {
		return nil, a.problem(ctx, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "name: %.90q is no name of a state machine", in.Name))
	}
	key := ebb.StateMachineKey{Service: auth.From(ctx).Service, Name: in.Name}
	q, err := in.query(ebb.WorkflowLog(key), a.cfg.Now())
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		a.streamLogs(w, r, q, nil)
	}}, nil
}

// streamLogs answers with the lines of q. If there are none and gone is set, it
// is the answer.
func (a *API) streamLogs(w http.ResponseWriter, r *http.Request, q logs.Query, gone error) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out := newLineWriter(w)
	if q.Follow {
		// Stop ends a query that follows, and only that: the others end.
		defer onClose(ctx, a.stopped, cancel)()
		out.begin()
		defer out.keepAlive(a.cfg.KeepAlive, cancel)()
	}
	err := a.cfg.Logs.Query(ctx, q, func(e logs.Entry) error { return out.line(&e) })
	switch {
	case ctx.Err() != nil: // the client left, or the node stops: that is how it ends
	case err != nil && out.begun():
		a.cfg.Log.ErrorContext(ctx, "log query broke off", "request", requestID(ctx), "function", q.FunctionKey.String(), "error", err)
		panic(http.ErrAbortHandler)
	case err != nil:
		a.problem(ctx, err).write(w)
		return
	case gone != nil && !out.begun():
		a.problem(ctx, gone).write(w)
		return
	}
	out.end()
}

// onClose calls fn when c is closed, until the returned func is called.
func onClose(ctx context.Context, c <-chan struct{}, fn func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-c:
			fn()
		case <-ctx.Done():
		}
	}()
	return func() { cancel(); <-done }
}

// lineWriter writes lines to a client who may be slow: they are gathered, and
// sent as soon as the connection takes them.
type lineWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	wake    chan struct{} // there is something to send; nil if nobody waits for it

	mu      sync.Mutex
	buf     *bufio.Writer
	json    *json.Encoder
	started bool
}

func newLineWriter(w http.ResponseWriter) *lineWriter {
	l := &lineWriter{w: w, control: http.NewResponseController(w), buf: bufio.NewWriterSize(w, 32<<10)}
	l.json = json.NewEncoder(l.buf)
	l.json.SetEscapeHTML(false)
	return l
}

// begin sends the head, so that a client who waits for lines knows it was heard.
func (l *lineWriter) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.head()
	_ = l.control.Flush()
}

func (l *lineWriter) begun() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.started
}

func (l *lineWriter) head() {
	if l.started {
		return
	}
	l.started = true
	l.w.Header().Set("Content-Type", "application/x-ndjson")
	l.w.Header().Set("Cache-Control", "no-store")
	l.w.WriteHeader(http.StatusOK)
}

func (l *lineWriter) line(e *logs.Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.head()
	l.patience()
	err := l.json.Encode(LogLine{
		Time: e.Time.UTC(), Kind: e.Kind.String(), Level: e.Level, Request: string(e.Request),
		Version: e.Version, Instance: string(e.Instance), Text: string(e.Text),
	})
	if l.wake != nil {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
	return err
}

// patience starts the client's time to take what is written next.
func (l *lineWriter) patience() {
	// A writer that knows no deadlines (a test's) has clients that read.
	_ = l.control.SetWriteDeadline(time.Now().Add(stall))
}

// send passes on what was gathered. If there was nothing, an empty line shows
// that the stream lives and finds out whether the client does.
func (l *lineWriter) send(alive bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.patience()
	if alive && l.buf.Buffered() == 0 {
		_ = l.buf.WriteByte('\n') // its error stays and comes with Flush
	}
	return errors.Join(l.buf.Flush(), l.control.Flush())
}

// keepAlive sends what line gathers, and signs of life, until the returned func
// is called; broken is called if the client does not take it.
func (l *lineWriter) keepAlive(every time.Duration, broken func()) (stop func()) {
	l.wake = make(chan struct{}, 1)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			alive := false
			select {
			case <-quit:
				return
			case <-l.wake:
			case <-tick.C:
				alive = true
			}
			if l.send(alive) != nil {
				broken()
			}
		}
	}()
	return func() { close(quit); <-done }
}

// end sends the rest.
func (l *lineWriter) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.head()
	l.patience()
	_ = l.buf.Flush() // the client may be gone
}
