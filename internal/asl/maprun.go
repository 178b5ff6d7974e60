package asl

import (
	"fmt"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

func (d *decision) startMapRun(t *Thread, st *state, e *evaluation, items []any, keys []string, concurrency int) *failure {
	run := &MapRun{
		Op: d.op(), State: t.State, StateProgram: t.Program, Program: st.fan.program.index,
		Input: Value{e.input}, Context: Value{e.context}, Variables: Value{e.variables},
		MaxConcurrency: concurrency, Express: st.fan.express, Label: st.fan.label,
	}
	if st.fan.reader == nil {
		for i, k := range keys {
			items[i] = object("Key", k, "Value", items[i])
		}
		run.Items = &Value{items}
	}
	if fail := st.fan.fill(e, run); fail != nil {
		return fail
	}
	if run.Redrive = t.MapRun; run.Redrive == "" {
		n := len(items)
		d.note(t, "MapStateStarted", &Details{Length: &n})
	}
	t.Waits, t.Op = waitsMapRun, run.Op
	d.act(Action{MapRun: run})
	return nil
}

// fill evaluates what a map run needs besides its items.
func (f *fan) fill(e *evaluation, run *MapRun) *failure {
	if f.tolerated != nil {
		v, fail := f.tolerated.eval(e, 0, 99999999)
		if fail != nil {
			return fail
		}
		n := int64(v)
		run.ToleratedCount = &n
	}
	if f.percentage != nil {
		v, fail := f.percentage.eval(e, 0, 100)
		if fail != nil {
			return fail
		}
		run.ToleratedPercentage = &v
	}
	if r := f.reader; r != nil {
		maxItems, fail := r.maxItems.eval(e, 0, 100_000_000)
		if fail != nil {
			return fail
		}
		run.Reader = &ItemReader{Resource: r.resource, Config: Value{r.config}, MaxItems: int64(maxItems)}
		if run.Reader.Parameters, fail = r.parameters.value(e); fail != nil {
			return fail
		}
	}
	if b := f.batcher; b != nil {
		maxItems, fail := b.maxItems.eval(e, 0, 100_000_000)
		if fail != nil {
			return fail
		}
		maxBytes, fail := b.maxBytes.eval(e, 0, MaxPayload)
		if fail != nil {
			return fail
		}
		run.Batch = &ItemBatch{MaxItems: int64(maxItems), MaxBytes: int64(maxBytes)}
		if b.input != nil {
			v, fail := b.input.value(e)
			if fail != nil {
				return fail
			}
			run.Batch.Input = &v
		}
	}
	if w := f.writer; w != nil {
		v, fail := w.parameters.value(e)
		if fail != nil {
			return fail
		}
		run.Writer = &ResultWriting{Resource: w.resource, Parameters: v, Config: Value{w.config}}
	}
	return nil
}

// value evaluates a template that may be absent.
func (t *template) value(e *evaluation) (Value, *failure) {
	if t == nil {
		return Value{object()}, nil
	}
	v, fail := t.eval(e)
	return Value{v}, fail
}

func (d *decision) mapRunEvent(t *Thread, event Event) {
	switch event.Kind {
	case MapRunStarted:
		if t.MapRun == "" {
			t.MapRun = event.ARN
			d.note(t, "MapRunStarted", &Details{MapRunARN: event.ARN})
		}
	case MapRunRedriven:
		d.note(t, "MapRunRedriven", &Details{MapRunARN: event.ARN, RedriveCount: event.Count})
	case MapRunSucceeded:
		d.record(d.state.LastEvent, "MapRunSucceeded", nil)
		d.record(d.state.LastEvent, "MapStateSucceeded", nil)
		d.clear(t)
		output := event.Output
		if output == nil {
			output = &Value{[]any{}}
		}
		d.complete(t, output)
	case MapRunFailed:
		d.record(d.state.LastEvent, "MapRunFailed", &Details{Error: event.Error, Cause: event.Cause})
		d.taskFailed(t, "MapStateFailed", &Details{}, event.Error, event.Cause)
	}
}

// ItemInput is the input that an item of a map run becomes, after ItemSelector.
// Its error is a *Failure.
func (m *Machine) ItemInput(run *MapRun, item Item, env Env) (Value, error) {
	st := m.programs[run.StateProgram].states[run.State]
	if st == nil || st.fan == nil {
		return Value{}, fmt.Errorf("no Map state %s", run.State)
	}
	if st.fan.selector == nil {
		return item.Value, nil
	}
	if run.Items != nil && item.Source == "" {
		item.Source = SourceState
	}
	context, _ := run.Context.V.(*Object)
	variables, _ := run.Variables.V.(*Object)
	e := &evaluation{
		engine: m.engine, env: env, random: newRandom(env, uint64(item.Index)), patience: &patience{},
		input: run.Input.V, context: context.With("Map", object("Item", item.context())), variables: variables,
	}
	defer e.close()
	v, fail := st.fan.selector.eval(e)
	if fail != nil {
		return Value{}, &Failure{fail.name, fail.cause}
	}
	return Value{v}, nil
}

// Batches groups inputs as ItemBatcher says. Without one, every input is alone.
func (run *MapRun) Batches(inputs []Value) []Value {
	b := run.Batcher()
	var out []Value
	for _, in := range inputs {
		if v, _ := b.Add(in); v != nil {
			out = append(out, *v)
		}
	}
	if v, _ := b.Flush(); v != nil {
		out = append(out, *v)
	}
	return out
}

// Batcher groups inputs one by one.
type Batcher struct {
	run             *MapRun
	frame           *Object
	limit, overhead int64
	batch           []any
	size            int64
}

// Batcher returns what groups the inputs of the run as ItemBatcher says.
func (run *MapRun) Batcher() *Batcher {
	b := &Batcher{run: run}
	if run.Batch == nil {
		return b
	}
	if b.limit = run.Batch.MaxBytes; b.limit == 0 {
		b.limit = MaxPayload
	}
	b.frame = object("Items", []any{})
	if run.Batch.Input != nil {
		b.frame.Set("BatchInput", run.Batch.Input.V)
	}
	b.overhead = int64(len(jsonata.Text(b.frame)))
	b.size = b.overhead
	return b
}

// Add takes an input. It returns the batch before it if that is full, and how
// many inputs it has.
func (b *Batcher) Add(in Value) (full *Value, items int64) {
	if b.frame == nil {
		return &in, 1
	}
	n := int64(len(in.String())) + 1
	if len(b.batch) > 0 && (b.size+n > b.limit || (b.run.Batch.MaxItems > 0 && int64(len(b.batch)) >= b.run.Batch.MaxItems)) {
		full, items = b.Flush()
	}
	b.batch = append(b.batch, in.V)
	b.size += n
	return full, items
}

// Flush returns what is left, or nil.
func (b *Batcher) Flush() (*Value, int64) {
	if len(b.batch) == 0 {
		return nil, 0
	}
	v, n := &Value{b.frame.With("Items", b.batch)}, int64(len(b.batch))
	b.batch, b.size = nil, b.overhead
	return v, n
}

// Exceeded reports whether so many failed of so many items is more than the map
// run tolerates.
func (run *MapRun) Exceeded(failed, total int64) bool {
	if run.ToleratedCount == nil && run.ToleratedPercentage == nil {
		return failed > 0
	}
	if run.ToleratedCount != nil && *run.ToleratedCount > 0 && failed > *run.ToleratedCount {
		return true
	}
	if run.ToleratedPercentage != nil && *run.ToleratedPercentage > 0 && float64(failed)*100 > *run.ToleratedPercentage*float64(total) {
		return true
	}
	noneSet := (run.ToleratedCount == nil || *run.ToleratedCount == 0) && (run.ToleratedPercentage == nil || *run.ToleratedPercentage == 0)
	return noneSet && failed > 0
}
