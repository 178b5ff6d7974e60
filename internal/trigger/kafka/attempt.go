package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// work is a batch, or what is left of it.
type work struct {
	rs    []*record
	tries int // how often the function failed on its first record
}

// outcome is what an attempt came to.
type outcome struct {
	handled int    // leading records that are handled
	failed  bool   // the function ran, and the next record is not handled
	named   bool   // the function said that it is that record
	why     string // "" = all are handled
	call    call
}

// call is what is known of the last invocation.
type call struct {
	request ebb.InvocationID
	version string
	failure string // FunctionError
	count   int
}

// handle has records handled, in order, whatever it takes. It returns early when
// the partition is let go; what is not handled then, the group has again.
func (l *lane) handle(rs []*record) {
	todo := []work{{rs: rs}}
	wait := newBackoff()
	for len(todo) > 0 && !l.over && l.p.ctx.Err() == nil {
		w := todo[0]
		if rest, ok := l.unfit(w); ok {
			todo = replace(todo, rest)
			continue
		}
		out := l.attempt(w)
		l.p.done(w.rs[:out.handled])
		w.rs = w.rs[out.handled:]
		if out.handled > 0 {
			l.p.m.s.count(ebb.TriggerCounts{Taken: int64(out.handled), Delivered: int64(out.handled), ResultAt: l.p.m.s.k.deps.Now()})
			w.tries, wait = 0, newBackoff()
		}
		if len(w.rs) == 0 {
			todo = todo[1:]
			continue
		}
		l.p.m.s.problem(out.why)
		next := l.after(w, out)
		todo = replace(todo, next...)
		switch first := next[0].rs; {
		case len(first) == 0: // it was given up
		case len(next) > 1:
			l.over = l.over || !l.p.tries(wait, w.rs)
		default:
			l.over = l.over || !l.p.again(wait, first...)
		}
	}
}

// replace puts what is left of the first work in its place.
func replace(todo []work, with ...work) []work {
	rest := todo[1:]
	for i := len(with) - 1; i >= 0; i-- {
		if len(with[i].rs) > 0 {
			rest = append([]work{with[i]}, rest...)
		}
	}
	return rest
}

// unfit gives up the leading records that must not be tried (again).
func (l *lane) unfit(w work) (rest work, ok bool) {
	s := l.p.m.s
	if err := w.rs[0].wrong; err != nil {
		condition := conditionUnreadable
		if errors.Is(err, errTooLarge) {
			condition = conditionTooLarge
		}
		l.giveUp(w.rs[:1], condition, err.Error(), call{})
		return work{rs: w.rs[1:]}, true
	}
	n := 0
	for s.policy.age > 0 && n < len(w.rs) && s.k.deps.Now().Sub(w.rs[n].Timestamp) > s.policy.age {
		n++
	}
	if n == 0 {
		return w, false
	}
	l.giveUp(w.rs[:n], conditionAge, "the records are older than "+s.policy.age.String(), call{count: w.tries})
	return work{rs: w.rs[n:]}, true
}

// after is what is to be done with work of which the first record is not handled.
// Two works are a batch that was split; one may be empty: it was given up.
func (l *lane) after(w work, out outcome) []work {
	s := l.p.m.s
	if !out.failed { // it did not run: that counts for nothing but its age
		return []work{w}
	}
	if s.settings.Bisect && !out.named && len(w.rs) > 1 {
		half := len(w.rs) / 2
		return []work{{w.rs[:half], w.tries}, {w.rs[half:], w.tries}}
	}
	if w.tries++; s.policy.retries < 0 || w.tries <= s.policy.retries {
		return []work{w}
	}
	out.call.count = w.tries
	lost := w.rs
	if out.named {
		lost = lost[:1]
	}
	l.giveUp(lost, conditionRetries, out.why, out.call)
	return []work{{rs: w.rs[len(lost):]}}
}

// attempt hands records over once.
func (l *lane) attempt(w work) outcome {
	s := l.p.m.s
	event := appendEvent(make([]byte, 0, l.p.m.eventSize(w.rs)), s.settings.Brokers, w.rs)
	if s.target.Kind != ebb.TargetFunction {
		if err := l.send(w.rs, event); err != nil {
			return outcome{why: wording(err)}
		}
		return outcome{handled: len(w.rs)}
	}
	id, err := uuid.NewV7()
	if err != nil {
		return outcome{why: err.Error()}
	}
	// What is in flight goes to its end, whatever becomes of the partition.
	var body sink
	inv := &ebb.Invocation{
		ID: ebb.InvocationID(id.String()), Payload: event, Qualifier: s.target.Function.Qualifier,
		FunctionKey: ebb.FunctionKey{Service: s.t.Service, Name: s.target.Function.Name},
	}
	res, err := s.k.deps.Invoke(l.p.ctx, inv, &body)
	if err != nil {
		return outcome{why: wording(err)}
	}
	out := outcome{call: call{request: inv.ID, version: res.Version, failure: res.FunctionError}}
	switch {
	case res.FunctionError != "":
		out.failed, out.why = true, "Function call failed: "+res.ErrorType
	case !s.settings.ReportFailures:
		out.handled = len(w.rs)
	default:
		out.handled, err = partial(body, w.rs)
		if out.failed = out.handled < len(w.rs); out.failed {
			out.named, out.why = err == nil, "Function reported failures"
		}
		if err != nil {
			out.why += ": " + err.Error()
		}
	}
	return out
}

// wording is what an error says to people.
func wording(err error) string {
	return clip(err.Error(), 512)
}

// sink keeps an answer.
type sink []byte

// Head implements ebb.Sink.
func (*sink) Head(ebb.Head) error { return nil }

// Write implements ebb.Sink.
func (s *sink) Write(b []byte) (int, error) {
	*s = append(*s, b...)
	return len(b), nil
}

// partial reads which records a function says have failed: from the first of
// them on they are tried again. An answer that names what is not in the batch
// fails all of it, one that names nothing means success.
func partial(answer []byte, rs []*record) (handled int, err error) {
	var doc struct {
		Failures []struct {
			Item json.RawMessage `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if len(answer) == 0 || string(answer) == "null" {
		return len(rs), nil
	}
	if err := json.Unmarshal(answer, &doc); err != nil {
		return 0, fmt.Errorf("the answer is no batch response: %w", err)
	}
	handled = len(rs)
	for _, f := range doc.Failures {
		var item struct {
			Partition string `json:"partition"`
			Offset    *int64 `json:"offset"`
		}
		if err := json.Unmarshal(f.Item, &item); err != nil || item.Offset == nil {
			return 0, fmt.Errorf("itemIdentifier %s is not of the form {\"partition\":\"TOPIC-N\",\"offset\":N}", clip(string(f.Item), 128))
		}
		at := -1
		for i, r := range rs {
			if r.Offset == *item.Offset && partName(r.Topic, r.Partition) == item.Partition {
				at = i
			}
		}
		if at < 0 {
			return 0, fmt.Errorf("itemIdentifier %s is not in the batch", clip(string(f.Item), 128))
		}
		handled = min(handled, at)
	}
	return handled, nil
}

// send hands records to a target that is no function: the event is durable when
// it returns nil.
func (l *lane) send(rs []*record, event []byte) error {
	s := l.p.m.s
	write, err := s.k.deps.Send(context.Background(), s.t, s.eventID(rs), event)
	if err != nil {
		return err
	}
	return s.k.deps.Store.Tx(context.Background(), func(tx *store.Tx) error { return write(tx) })
}

// eventID is the id of what becomes of records: the same ones have the same.
func (s *source) eventID(rs []*record) ebb.MessageID {
	first, last := rs[0], rs[len(rs)-1]
	return ebb.MessageID(string(s.t.ID) + "." + strconv.Itoa(int(first.Partition)) + "." +
		strconv.FormatInt(first.Offset, 10) + "-" + strconv.FormatInt(last.Offset, 10))
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
