package asl

import (
	"math"
	"time"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

// execute runs the state that a thread is in, for the first time or again.
func (d *decision) execute(t *Thread) {
	st := d.stateOf(t)
	var fail *failure
	switch st.kind {
	case typePass, typeSucceed:
		d.complete(t, nil)
	case typeChoice:
		fail = d.choose(t, st)
	case typeWait:
		fail = d.wait(t, st)
	case typeFail:
		fail = d.failState(t, st)
	case typeTask:
		fail = d.schedule(t, st)
	case typeParallel:
		fail = d.parallel(t, st)
	case typeMap:
		fail = d.mapState(t, st)
	}
	if fail != nil {
		d.fail(t, fail)
	}
}

// effective applies InputPath.
func (st *state) effective(e *evaluation) *failure {
	switch {
	case st.inputNull:
		e.input = object()
	case st.inputPath != nil:
		v, document, ok := e.lookup(st.inputPath)
		if !ok {
			return failf(ErrRuntime, "The JSONPath '%s' specified for the field 'InputPath' could not be found in the input '%s'", st.inputPath.text, quoteJSON(document))
		}
		e.input = v
	}
	if st.language == JSONPath {
		e.trial.see("afterInputPath", e.input)
	}
	return nil
}

// outcome is what a state leaves behind.
type outcome struct {
	output   any
	assigned *Object // nil = none
	next     string  // "" = the end
}

// complete finishes a state that succeeded. result is what a task, branches or
// iterations gave; nil for the other types.
func (d *decision) complete(t *Thread, result *Value) {
	st := d.stateOf(t)
	e := d.evaluate(t, nil, "")
	out, fail := d.outcome(t, st, e, result)
	e.close()
	if fail != nil {
		d.fail(t, fail)
		return
	}
	d.exit(t, st, out)
}

func (d *decision) outcome(t *Thread, st *state, e *evaluation, result *Value) (outcome, *failure) {
	out := outcome{next: st.next}
	var fail *failure
	if result != nil {
		e.trial.see("result", result.V)
	}
	if st.language == JSONata {
		e.result = result
		out.output = t.Input.V
		if result != nil {
			out.output = result.V
		}
		if st.output != nil {
			if out.output, fail = st.output.eval(e); fail != nil {
				return out, fail
			}
		}
		out.assigned, fail = assigned(st.assign, e)
		return out, fail
	}
	if fail = st.effective(e); fail != nil {
		return out, fail
	}
	out.output = e.input
	assignInput := e.input
	if result != nil || st.kind == typePass {
		if assignInput, fail = st.selected(e, result); fail != nil {
			return out, fail
		}
		e.trial.see("afterResultSelector", assignInput)
		if out.output, fail = merge(t.Input.V, st.resultPath, st.resultNull, assignInput); fail != nil {
			return out, fail
		}
	}
	if result != nil || st.kind == typePass {
		e.trial.see("afterResultPath", out.output)
	}
	e.input = assignInput
	if out.assigned, fail = assigned(st.assign, e); fail != nil {
		return out, fail
	}
	out.output, fail = st.filtered(e, out.output)
	return out, fail
}

// selected is the result after ResultSelector, or what a Pass state makes.
func (st *state) selected(e *evaluation, result *Value) (any, *failure) {
	if st.kind == typePass {
		switch {
		case st.result != nil:
			e.trial.see("result", st.result.V)
			return st.result.V, nil
		case st.parameters != nil:
			v, fail := st.parameters.eval(e)
			e.trial.see("afterParameters", v)
			return v, fail
		}
		e.trial.see("afterParameters", e.input)
		return e.input, nil
	}
	if st.resultSelector == nil {
		return result.V, nil
	}
	e.input = result.V
	return st.resultSelector.eval(e)
}

// merge applies ResultPath.
func merge(raw any, path *jsonPath, null bool, result any) (any, *failure) {
	switch {
	case null:
		return raw, nil
	case path == nil:
		return result, nil
	}
	if len(path.segments) > 0 && raw == nil {
		raw = object()
	}
	v, ok := path.put(raw, result)
	if !ok {
		return nil, failf(ErrResultPathMatch, "Unable to apply ReferencePath %s to input %s", path.text, quoteJSON(raw))
	}
	return v, nil
}

// filtered applies OutputPath.
func (st *state) filtered(e *evaluation, output any) (any, *failure) {
	switch {
	case st.outputNull:
		return object(), nil
	case st.outputPath == nil:
		return output, nil
	}
	e.input = output
	v, document, ok := e.lookup(st.outputPath)
	if !ok {
		return nil, failf(ErrRuntime, "The JSONPath '%s' specified for the field 'OutputPath' could not be found in the input '%s'", st.outputPath.text, quoteJSON(document))
	}
	return v, nil
}

func assigned(t *template, e *evaluation) (*Object, *failure) {
	if t == nil {
		return nil, nil
	}
	v, fail := t.eval(e)
	if fail != nil {
		return nil, fail
	}
	o := v.(*Object)
	for i := range o.Len() {
		if name, x := o.At(i); tooLarge(x, e.limit) {
			return nil, failf(ErrDataLimitExceeded, "The variable '%s' has a size exceeding the maximum number of bytes service limit.", name)
		}
	}
	return o, nil
}

// exit leaves a state.
func (d *decision) exit(t *Thread, st *state, out outcome) {
	if tooLarge(out.output, d.state.Execution.MaxPayload) {
		name := t.State
		if st.kind == typeTask {
			name = st.resource
		}
		d.fail(t, &failure{name: ErrDataLimitExceeded, cause: "The state/task '" + name + "' returned a result with a size exceeding the maximum number of bytes service limit."})
		return
	}
	details := &Details{Name: t.State, Output: &Value{out.output}}
	if out.assigned != nil && out.assigned.Len() > 0 {
		details.AssignedVariables = &Value{out.assigned}
		own := object()
		if t.Variables != nil {
			own = t.Variables.V.(*Object)
		}
		own = own.Copy(out.assigned.Len())
		for i := range out.assigned.Len() {
			own.Set(out.assigned.At(i))
		}
		t.Variables = &Value{own}
	}
	t.Fan = nil
	d.note(t, string(st.kind)+"StateExited", details)
	if out.next == "" {
		d.done(t, out.output)
		return
	}
	t.State, t.Input, t.Entered = out.next, Value{out.output}, 0
	t.Waits = waitsTurn
	d.ready = append(d.ready, t.ID)
}

// done ends a thread.
func (d *decision) done(t *Thread, output any) {
	if t.Parent == 0 {
		d.succeed(t, output)
		return
	}
	d.joined(t, output)
}

func (d *decision) choose(t *Thread, st *state) *failure {
	e := d.evaluate(t, nil, "")
	defer e.close()
	out, fail := st.choose(e)
	if fail != nil {
		return fail
	}
	d.exit(t, st, out)
	return nil
}

func (st *state) choose(e *evaluation) (outcome, *failure) {
	if fail := st.effective(e); fail != nil {
		return outcome{}, fail
	}
	out := outcome{next: st.fallback, output: e.input}
	output, assign := st.output, st.assign
	for _, c := range st.choices {
		ok, fail := c.rule.eval(e)
		if fail != nil {
			return out, fail
		}
		if ok {
			out.next, output, assign = c.next, c.output, c.assign
			break
		}
	}
	if out.next == "" {
		return out, failf(ErrRuntime, "Failed to transition out of the state. The state does not point to a next state.")
	}
	var fail *failure
	if output != nil {
		out.output, fail = output.eval(e)
	}
	if fail == nil {
		out.assigned, fail = assigned(assign, e)
	}
	if fail == nil && st.language == JSONPath {
		out.output, fail = st.filtered(e, out.output)
	}
	return out, fail
}

// maxDelay is how long a Wait state may wait.
const maxDelay = math.MaxInt32 * time.Second

func (d *decision) wait(t *Thread, st *state) *failure {
	e := d.evaluate(t, nil, "")
	defer e.close()
	if fail := st.effective(e); fail != nil {
		return fail
	}
	at, fail := st.until(e)
	if fail != nil {
		return fail
	}
	delay := at.Sub(d.env.Now)
	if delay > maxDelay {
		return failf(ErrRuntime, "Wait state delay is too long.")
	}
	if delay <= 0 {
		d.complete(t, nil)
		return nil
	}
	t.Waits, t.Op = waitsTimer, d.op()
	d.act(Action{Timer: &Timer{Op: t.Op, At: at}})
	return nil
}

// until is when a Wait state ends.
func (st *state) until(e *evaluation) (time.Time, *failure) {
	if st.seconds != nil {
		n, fail := st.seconds.delay(e)
		return e.env.Now.Add(n), fail
	}
	s, fail := st.timestamp.instant(e)
	return s, fail
}

// delay evaluates Seconds or SecondsPath, whose causes AWS words differently
// from those of other numbers.
func (m *number) delay(e *evaluation) (time.Duration, *failure) {
	if m.fixed() {
		return seconds(m.literal), nil
	}
	var v any
	shown := m.expr
	if m.path != nil {
		found, document, ok := e.lookup(m.path)
		if !ok {
			return 0, failf(ErrRuntime, "The %s parameter does not reference an input value: %s in '%s'", m.field, m.path.text, quoteJSON(document))
		}
		v, shown = found, m.path.text
	} else {
		found, fail := e.query(m.expr, m.field)
		if fail != nil {
			return 0, fail
		}
		if kindOf(found) != "number" {
			return 0, unexpectedType(m.expr, m.field, "number", found)
		}
		v = found
	}
	n, _ := v.(Number)
	i, ok := n.Int()
	switch {
	case !ok:
		return 0, failf(ErrRuntime, "The %s parameter cannot be parsed as a long value: %s == %s", m.field, shown, jsonata.Text(v))
	case i < 0:
		return 0, failf(ErrRuntime, "The %s parameter references a negative value: %s == %d", m.field, shown, i)
	case i > math.MaxInt32:
		return 0, failf(ErrRuntime, "Wait state delay is too long.")
	}
	return time.Duration(i) * time.Second, nil
}

func (t *text) instant(e *evaluation) (time.Time, *failure) {
	s, fail := t.eval(e)
	if fail != nil {
		return time.Time{}, fail
	}
	at, ok := parseTimestamp(s)
	if !ok {
		shown := t.expr
		if t.path != nil {
			shown = t.path.text
		}
		return at, failf(ErrRuntime, "The %s parameter does not reference a valid ISO-8601 extended offset date-time format string: %s == %s", t.field, shown, s)
	}
	return at, nil
}

func (d *decision) failState(t *Thread, st *state) *failure {
	e := d.evaluate(t, nil, "")
	defer e.close()
	f := &failure{noName: st.errorName == nil, noCause: st.errorText == nil}
	var fail *failure
	if st.errorName != nil {
		if f.name, fail = st.errorName.eval(e); fail != nil {
			return fail
		}
	}
	if st.errorText != nil {
		if f.cause, fail = st.errorText.eval(e); fail != nil {
			return fail
		}
	}
	return f
}
