package asl

import (
	"math"
	"time"
)

// pointers are the error name and the cause as events have them.
func (f *failure) pointers() (name, cause *string) {
	if !f.noName {
		name = &f.name
	}
	if !f.noCause {
		cause = &f.cause
	}
	return name, cause
}

// errorOutput is what a Catch gets.
func (f *failure) errorOutput() *Object {
	o := object()
	if !f.noName {
		o.Set("Error", f.name)
	}
	if !f.noCause {
		o.Set("Cause", f.cause)
	}
	return o
}

// fail handles the failure of a state: it is retried, caught, or ends the
// thread.
func (d *decision) fail(t *Thread, f *failure) {
	f.locate(t.State, t.Entered)
	d.evaluationFailed(t, f)
	d.abortBelow(t, nil)
	d.settle(t, f)
}

// evaluationFailed records the failure of an expression. It follows what the
// state's entry followed, when nothing happened since.
func (d *decision) evaluationFailed(t *Thread, f *failure) {
	if f.field == "" {
		return
	}
	if t.Previous == t.Entered {
		t.Previous = t.Before
	}
	name, cause := f.pointers()
	d.note(t, "EvaluationFailed", &Details{Error: name, Cause: cause, Location: f.field, State: t.State})
	f.field = ""
}

// settle retries or catches a failure, or ends the thread. What ran below the
// thread was stopped before.
func (d *decision) settle(t *Thread, f *failure) {
	d.clear(t)
	st := d.stateOf(t)
	if d.retry(t, st, f) || d.caught(t, st, f) {
		return
	}
	d.endThread(t, f)
}

// endThread ends a thread in failure. It stays where it is for a redrive.
func (d *decision) endThread(t *Thread, f *failure) {
	d.rest(t)
	// A runtime error is caught nowhere: it ends the whole execution at once.
	if t.Parent != 0 && f.name != ErrRuntime {
		d.broken(t, f)
		return
	}
	name, cause := f.pointers()
	d.failExecution(t, name, cause)
}

// rest makes a thread wait for a redrive: itself, or the threads below it.
func (d *decision) rest(t *Thread) {
	if t.Fan != nil {
		t.Waits = waitsThreads
		return
	}
	d.cancel(t)
	t.Waits = waitsRedrive
}

func (d *decision) failExecution(t *Thread, name, cause *string) {
	previous := t.Previous
	for _, other := range d.sorted() {
		d.rest(other)
	}
	d.ready = nil
	d.cancelDeadline()
	d.record(previous, "ExecutionFailed", &Details{Error: name, Cause: cause})
	d.state.Status, d.state.Error, d.state.Cause = Failed, name, cause
	d.act(Action{Finish: &Finish{Status: Failed, Error: name, Cause: cause}})
}

func (d *decision) retry(t *Thread, st *state, f *failure) bool {
	for i, r := range st.retry {
		if !f.matches(r.errors) {
			continue
		}
		if t.Retries == nil {
			t.Retries = make([]int64, len(st.retry))
		}
		if t.Retries[i] >= r.maxAttempts {
			return false
		}
		delay := r.delay(t.Retries[i], d.random.Float64)
		t.Retries[i]++
		t.Attempts++
		d.dropBelow(t)
		t.Fan, t.MapRun = nil, ""
		t.Waits, t.Op = waitsRetry, d.op()
		d.act(Action{Timer: &Timer{Op: t.Op, At: d.env.Now.Add(delay)}})
		d.trial.retried(f, i, delay)
		return true
	}
	return false
}

// delay is how long to wait before a retry; done is how many there have been.
func (r retrier) delay(done int64, random func() float64) time.Duration {
	s := float64(r.interval) * math.Pow(r.backoff, float64(done))
	if r.maxDelay > 0 {
		s = min(s, float64(r.maxDelay))
	}
	s = min(s, float64(math.MaxInt32))
	if r.jitter {
		s *= random()
	}
	return seconds(s)
}

func (d *decision) caught(t *Thread, st *state, f *failure) bool {
	for i, c := range st.catch {
		if !f.matches(c.errors) {
			continue
		}
		d.trial.caught(f, i)
		d.dropBelow(t)
		e := d.evaluate(t, nil, "")
		out, fail := c.outcome(t, st, e, f)
		e.close()
		if fail != nil {
			// A Catch is not caught.
			fail.locate(t.State, t.Entered)
			d.evaluationFailed(t, fail)
			t.Fan = nil
			d.endThread(t, fail)
			return true
		}
		d.exit(t, st, out)
		return true
	}
	return false
}

func (c *catcher) outcome(t *Thread, st *state, e *evaluation, f *failure) (outcome, *failure) {
	out := outcome{next: c.next}
	errorOutput := f.errorOutput()
	var fail *failure
	if st.language == JSONata {
		e.errors = &Value{errorOutput}
		out.output = errorOutput
		if c.output != nil {
			if out.output, fail = c.output.eval(e); fail != nil {
				return out, fail
			}
		}
		out.assigned, fail = assigned(c.assign, e)
		return out, fail
	}
	if out.output, fail = merge(t.Input.V, c.resultPath, c.resultNull, errorOutput); fail != nil {
		return out, fail
	}
	e.input = errorOutput
	out.assigned, fail = assigned(c.assign, e)
	return out, fail
}
