package asl

// inlineConcurrency is how many iterations of an inline Map run at once.
const inlineConcurrency = 40

func (d *decision) parallel(t *Thread, st *state) *failure {
	e := d.evaluate(t, nil, "")
	defer e.close()
	if fail := st.effective(e); fail != nil {
		return fail
	}
	input := e.input
	if st.parameters != nil {
		v, fail := st.parameters.eval(e)
		if fail != nil {
			return fail
		}
		input = v
	}
	d.note(t, "ParallelStateStarted", nil)
	n := len(st.branches)
	t.Fan = &Fan{Results: make([]*Value, n), Next: n, Running: n, Concurrency: n}
	t.Waits = waitsThreads
	for i, p := range st.branches {
		d.thread(&Thread{Parent: t.ID, Index: i, Program: p.index, State: p.startAt, Input: Value{input}, Previous: t.Previous})
	}
	return nil
}

func (d *decision) mapState(t *Thread, st *state) *failure {
	e := d.evaluate(t, nil, "")
	defer e.close()
	if fail := st.effective(e); fail != nil {
		return fail
	}
	var items []any
	var keys []string
	if st.fan.reader == nil {
		var fail *failure
		if items, keys, fail = st.items(e); fail != nil {
			return fail
		}
	}
	concurrency, fail := st.fan.concurrency.eval(e, 0, 99999999)
	if fail != nil {
		return fail
	}
	if st.fan.distributed {
		return d.startMapRun(t, st, e, items, keys, int(concurrency))
	}
	n := len(items)
	d.note(t, "MapStateStarted", &Details{Length: &n})
	if concurrency == 0 || concurrency > inlineConcurrency {
		concurrency = inlineConcurrency
	}
	t.Fan = &Fan{Items: make([]Value, n), Keys: keys, Results: make([]*Value, n), Concurrency: int(concurrency)}
	for i, v := range items {
		t.Fan.Items[i] = Value{v}
	}
	t.Waits = waitsThreads
	if n == 0 {
		d.fanDone(t)
		return nil
	}
	return d.iterate(t, st, t.Previous)
}

// items evaluates Items or ItemsPath. The members of an object become items with
// a key.
func (st *state) items(e *evaluation) ([]any, []string, *failure) {
	v := e.input
	source := "$"
	switch {
	case st.fan.items != nil:
		var fail *failure
		if v, fail = st.fan.items.eval(e); fail != nil {
			return nil, nil, fail
		}
	case st.fan.itemsPath != nil:
		source = st.fan.itemsPath.text
		found, document, ok := e.lookup(st.fan.itemsPath)
		if !ok {
			return nil, nil, failf(ErrRuntime, "The JSONPath '%s' specified for the field 'ItemsPath' could not be found in the input '%s'", source, quoteJSON(document))
		}
		v = found
	}
	if all, ok := v.([]any); ok {
		return all, nil, nil
	}
	if o, ok := v.(*Object); ok && (st.language == JSONata || st.fan.distributed) {
		all := make([]any, o.Len())
		for i := range all {
			_, all[i] = o.At(i)
		}
		return all, o.Keys(), nil
	}
	if st.fan.items != nil && st.fan.items.expr != "" {
		return nil, nil, unexpectedType(st.fan.items.expr, "Items", "array", v)
	}
	return nil, nil, failf(ErrRuntime, "Reference path \"%s\" must point to array.", source)
}

// iterate starts iterations up to the concurrency. previous is the event they
// follow.
func (d *decision) iterate(t *Thread, st *state, previous int64) *failure {
	f := t.Fan
	for f.Running < f.Concurrency && f.Next < len(f.Items) {
		i := f.Next
		item := &Item{Index: i, Value: f.Items[i]}
		if f.Keys != nil {
			item.Key = f.Keys[i]
		}
		input, fail := d.itemInput(t, st, item)
		if fail != nil {
			return fail
		}
		f.Next++
		f.Running++
		began := d.record(previous, "MapIterationStarted", &Details{Name: t.State, Index: &i})
		p := st.fan.program
		d.thread(&Thread{Parent: t.ID, Index: i, Program: p.index, State: p.startAt, Input: Value{input}, Item: item, Previous: began})
	}
	return nil
}

// itemInput applies ItemSelector.
func (d *decision) itemInput(t *Thread, st *state, item *Item) (any, *failure) {
	if st.fan.selector == nil {
		return item.Value.V, nil
	}
	e := d.evaluate(t, item, "")
	defer e.close()
	if fail := st.effective(e); fail != nil {
		return nil, fail
	}
	return st.fan.selector.eval(e)
}

// joined takes the result of a branch or an iteration.
func (d *decision) joined(t *Thread, output any) {
	parent := d.state.Threads[t.Parent]
	f := parent.Fan
	f.Results[t.Index] = &Value{output}
	f.Done++
	f.Running--
	delete(d.state.Threads, t.ID)
	st := d.stateOf(parent)
	if st.kind == typeMap {
		index := t.Index
		last := t.Previous
		ended := d.record(last, "MapIterationSucceeded", &Details{Name: parent.State, Index: &index})
		if f.Done < len(f.Results) {
			if fail := d.iterate(parent, st, last); fail != nil {
				d.fail(parent, fail)
			}
			return
		}
		parent.Previous = ended
	}
	if f.Done == len(f.Results) {
		if st.kind == typeParallel {
			parent.Previous = t.Previous
		}
		d.fanDone(parent)
	}
}

// fanDone finishes a Parallel or an inline Map.
func (d *decision) fanDone(t *Thread) {
	st := d.stateOf(t)
	d.record(d.state.LastEvent, string(st.kind)+"StateSucceeded", nil)
	results := make([]any, len(t.Fan.Results))
	for i, r := range t.Fan.Results {
		results[i] = r.V
	}
	d.clear(t)
	d.complete(t, &Value{results})
}

// broken ends the state around a branch or an iteration that failed.
func (d *decision) broken(t *Thread, f *failure) {
	parent := d.state.Threads[t.Parent]
	st := d.stateOf(parent)
	previous := t.Previous
	if st.kind == typeMap {
		index := t.Index
		d.record(previous, "MapIterationFailed", &Details{Name: parent.State, Index: &index})
	}
	d.abortBelow(parent, t)
	name, cause := f.pointers()
	parent.Previous = d.record(previous, string(st.kind)+"StateFailed", &Details{Error: name, Cause: cause})
	up := *f
	up.fromTask = true
	d.settle(parent, &up)
}

// abortBelow stops what runs within a Parallel or Map, except for the thread
// that failed; all stays where it is.
func (d *decision) abortBelow(t, failed *Thread) {
	for _, child := range d.sorted() {
		if child.Parent != t.ID || child == failed || child.Waits == waitsRedrive {
			continue
		}
		d.abortBelow(child, nil)
		if child.Entered != 0 {
			d.record(child.Previous, string(d.stateOf(child).kind)+"StateAborted", nil)
		}
		d.rest(child)
		if d.stateOf(t).kind == typeMap {
			index := child.Index
			d.record(d.state.LastEvent, "MapIterationAborted", &Details{Name: t.State, Index: &index})
		}
	}
	d.unready(t.ID)
}

// unready takes the children of a thread out of the queue.
func (d *decision) unready(parent int64) {
	kept := d.ready[:0:0]
	for _, id := range d.ready {
		if t := d.state.Threads[id]; t != nil && t.Parent != parent {
			kept = append(kept, id)
		}
	}
	d.ready = kept
}

// dropBelow forgets the branches and iterations of a state that is left or
// begun again.
func (d *decision) dropBelow(t *Thread) {
	for _, child := range d.sorted() {
		if child.Parent == t.ID {
			d.dropBelow(child)
			d.cancel(child)
			delete(d.state.Threads, child.ID)
		}
	}
	d.unready(t.ID)
}
