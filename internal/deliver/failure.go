package deliver

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Failure is a delivery that was given up.
type Failure struct {
	Service   ebb.ServiceID
	Origin    *Origin // nil = not of a trigger's event
	Target    string  // ARN
	ID        ebb.MessageID
	Request   ebb.InvocationID
	Condition string
	Reason    string
	Error     string // type of the last error
	Attempts  int
	Trace     string
}

// alarmed adds to fn what is to be written so that a failure is told of. A
// failure to tell of a failure is not told of, or it would go on for ever.
func (d *Deliver) alarmed(ctx context.Context, fn func(*store.Tx) error, f *Failure) (func(*store.Tx) error, error) {
	if d.Alarm == nil || f.Origin != nil && f.Origin.Alarm {
		return fn, nil
	}
	tell, err := d.Alarm(ctx, f)
	if err != nil || tell == nil {
		return fn, err
	}
	return func(tx *store.Tx) error {
		if fn != nil {
			if err := fn(tx); err != nil {
				return err
			}
		}
		return tell(tx)
	}, nil
}

// count tells what became of an event, if it was a trigger's.
func (d *Deliver) count(p *Policy, service ebb.ServiceID, c ebb.TriggerCounts) {
	if o := p.origin(); o != nil && d.Count != nil {
		d.Count(o.ref(service), c)
	}
}

// refusedForEver reports whether a target will not take a delivery however often
// it is tried.
func refusedForEver(err error) bool {
	switch ebb.KindOf(err) {
	case ebb.NotFound, ebb.Invalid, ebb.TooLarge, ebb.Forbidden:
		return true
	}
	return false
}

// undeliveredRecord is what a failure destination gets of an event that its
// target did not take.
func undeliveredRecord(what *Delivery, why string, attempts int) []byte {
	r := record{
		Version: "1.0", Timestamp: what.At.Format("2006-01-02T15:04:05.000Z"),
		RequestContext: requestContext{RequestID: what.Request, FunctionARN: what.Target, Condition: conditionRetries, Count: attempts},
		RequestPayload: document(what.Content),
	}
	if text, err := json.Marshal(map[string]string{"errorMessage": why}); err == nil {
		r.ResponsePayload = text
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&r); err != nil { // all of it is JSON or text
		panic("deliver: record: " + err.Error())
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}
