package pool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
)

// Lease is the right to run one invocation on one instance. Its methods are
// called from one goroutine: Begin, Invoke, any Records, End, Release.
type Lease struct {
	in     *instance
	phases ebb.Phases    // of the wait and the start, if there was one
	spent  time.Duration // of the version's timeout, before Begin
	answer answer
	call   runtimeapi.Call
	tail   *tail // nil unless the caller asked
}

// Outcome is what one invocation on an instance came to.
type Outcome struct {
	runtimeapi.Outcome
	Duration   time.Duration // from hand-over to the end of the answer
	MemoryPeak int64         // of the instance so far, bytes
	Cause      string        // why ebb ended the invocation, for the log; "" if the function answered
	// NotDelivered says that the instance was dead before it had the invocation:
	// nothing was answered, and another instance may have it.
	NotDelivered bool
}

// Instance names the instance lent.
func (l *Lease) Instance() ebb.InstanceID { return l.in.id }

// Phases is what acquiring cost.
func (l *Lease) Phases() ebb.Phases { return l.phases }

// Begin ties what the instance writes from now on to inv. What an instance with
// several invocations in flight writes to its standard output cannot be tied to
// any.
func (l *Lease) Begin(inv *ebb.Invocation) {
	if !l.in.shared {
		l.in.current.Store(&inv.ID)
	}
	if inv.Tail {
		l.tail = &tail{request: inv.ID}
		l.in.beginTail(l.tail)
	}
}

// Record writes lines of the platform to the function's log.
func (l *Lease) Record(request ebb.InvocationID, lines ...[]byte) {
	l.in.append(logs.Platform, request, "", lines...)
}

// End returns the log tail, if Begin's invocation asked for it.
func (l *Lease) End() []byte {
	if l.tail == nil {
		return nil
	}
	return l.in.endTail(l.tail)
}

// Invoke hands inv to the instance and streams the answer to sink. It always
// comes to an outcome: if the conversation breaks or the version's timeout
// ends, the instance gets nothing more to do and is killed, and the outcome says what happened, as the
// function's error; unless the function had seen nothing yet.
func (l *Lease) Invoke(ctx context.Context, inv *ebb.Invocation, arn string, sink ebb.Sink) Outcome {
	in := l.in
	if err := in.openFor(ctx, inv.Egress); err != nil {
		in.spoil()
		in.box.Destroy()
		return Outcome{NotDelivered: true}
	}
	defer in.shut(ctx, inv.Egress)
	begin := time.Now()
	l.answer = answer{sink: sink}
	l.call = runtimeapi.Call{
		ID:            inv.ID,
		ARN:           arn,
		TraceID:       inv.TraceID,
		ClientContext: inv.ClientContext,
		Deadline:      begin.Add(in.shelf.version.Timeout() - l.spent),
		Payload:       inv.Payload,
		HTTP:          inv.HTTP,
	}
	in.before(&l.call)
	out, err := in.session.Invoke(ctx, &l.call, &l.answer)
	o := Outcome{Outcome: out, Cause: out.Reason}
	alone := true
	if err != nil || out.Ending {
		alone = in.spoil()
	}
	switch {
	case err != nil && errors.Is(err, runtimeapi.ErrNotDelivered) && !errors.Is(err, context.DeadlineExceeded):
		o.NotDelivered = true
	case err != nil:
		o = l.broke(inv, out.Answered, alone, err)
	}
	if !in.shared { // what has no end yet is another's
		in.output.drain()
	}
	in.after(&l.call, &o, begin)
	now := time.Now()
	o.Duration = now.Sub(begin)
	o.MemoryPeak = in.memory.read(in.box, now, o.Duration)
	return o
}

// exitWait is how long a process whose conversation ended has to be reaped.
const exitWait = time.Second

// broke ends an instance whose conversation is over and says why, to the log
// and to the caller. One with other invocations in flight ends with the last of
// them.
func (l *Lease) broke(inv *ebb.Invocation, answered, alone bool, err error) Outcome {
	in := l.in
	var typ, message string
	if errors.Is(err, context.DeadlineExceeded) {
		typ = ebb.ErrorTimeout
		in.late.Store(true)
		message = fmt.Sprintf("Task timed out after %.2f seconds", in.shelf.version.Timeout().Seconds())
	} else if errors.Is(err, context.Canceled) {
		typ, message = ebb.ErrorStopped, "The invocation was stopped"
	} else {
		typ, message = in.cause(err)
	}
	peak := in.memory.now(in.box)
	if alone {
		in.box.Destroy()
	}
	doc := errorDocument(inv.ID, typ, message)
	o := Outcome{
		Outcome:    runtimeapi.Outcome{FunctionError: ebb.FunctionErrorUnhandled, ErrorType: typ},
		MemoryPeak: peak,
		Cause:      message,
	}
	if answered {
		o.LateError = doc
	} else if l.answer.Head(ebb.Head{FunctionError: ebb.FunctionErrorUnhandled}) == nil {
		_, _ = l.answer.Write(doc)
	}
	return o
}

// cause says why a conversation ended that ebb did not end: how the process
// ended, or that it broke the protocol.
func (in *instance) cause(err error) (typ, message string) {
	timer := time.NewTimer(exitWait)
	defer timer.Stop()
	select {
	case <-in.box.Done():
	case <-timer.C:
		return ebb.ErrorProtocol, "Runtime broke the protocol: " + err.Error()
	}
	exit := in.box.Exit()
	crash := in.crashed.Load()
	switch {
	case crash != nil:
		return crash.ErrorType, "An extension failed: " + string(crash.Document)
	case exit.Err != nil:
		return ebb.ErrorInvalidEntrypoint, "Couldn't start the runtime: " + exit.Err.Error()
	case exit.OOM:
		return ebb.ErrorOutOfMemory, "Runtime exited with error: signal: killed (memory limit)"
	case exit.Signal != "":
		return ebb.ErrorExit, "Runtime exited with error: signal: " + exit.Signal
	case exit.Code != 0:
		return ebb.ErrorExit, fmt.Sprintf("Runtime exited with error: exit status %d", exit.Code)
	}
	return ebb.ErrorExit, "Runtime exited without providing a reason"
}

// answer passes an answer on. A caller that is gone does not stop the function:
// its sink's errors end here.
type answer struct {
	sink ebb.Sink
	lost bool
}

func (a *answer) Head(h ebb.Head) error {
	a.lost = a.sink.Head(h) != nil
	return nil
}

func (a *answer) Write(b []byte) (int, error) {
	if !a.lost {
		_, err := a.sink.Write(b)
		a.lost = err != nil
	}
	return len(b), nil
}
