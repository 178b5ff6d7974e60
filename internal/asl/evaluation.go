package asl

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

// Env is all that may enter a decision besides the state and the event. It is
// recorded with the event, so that a replay decides the same.
type Env struct {
	Now  time.Time `json:"now"`
	Seed uint64    `json:"seed"` // from a cryptographic source: task tokens depend on it

	// Exhausted lists the expressions, counted from 1 within one call of Next,
	// that ran out of time when this was decided; see Action.Exhausted.
	Exhausted []int `json:"exhausted,omitempty"`
}

// patience is how the expressions of one call of Next stand with time, which is
// the one thing that could make a replay differ.
type patience struct {
	limit time.Duration // 0 = the engine's own
	count int           // expressions evaluated so far
	hit   int           // the first that ran out of time
}

// evaluation is what the fields of one state see while they are evaluated.
type evaluation struct {
	engine    *jsonata.Engine
	env       Env
	random    *rand.Rand
	input     any // $ of JSONPath, $states.input of JSONata
	context   *Object
	variables *Object
	result    *Value // $states.result
	errors    *Value // $states.errorOutput
	scope     *jsonata.Scope
	patience  *patience
	limit     int // of a payload, 0 = MaxPayload
	trial     *Attempt
}

// rand is the source of random numbers of one call of Next.
func (e *evaluation) rand() *rand.Rand { return e.random }

// close gives the virtual machine back.
func (e *evaluation) close() {
	if e.scope != nil {
		e.scope.Close()
		e.scope = nil
	}
}

// lookup resolves a path; document is what it was applied to.
func (e *evaluation) lookup(p *jsonPath) (v, document any, ok bool) {
	switch p.root {
	case rootContext:
		document = e.context
	case rootVariable:
		if document, ok = e.variables.Get(p.variable); !ok {
			return nil, e.variables, false
		}
	default:
		document = e.input
	}
	v, ok = p.find(document)
	return v, document, ok
}

// query evaluates a JSONata expression; field is where it stands.
func (e *evaluation) query(expr, field string) (any, *failure) {
	if e.scope == nil {
		e.scope = e.engine.Scope(jsonata.Env{Now: e.env.Now, Seed: e.random.Uint64(), Time: e.patience.limit})
		states := object("input", e.input, "context", e.context)
		if e.result != nil {
			states.Set("result", e.result.V)
		}
		if e.errors != nil {
			states.Set("errorOutput", e.errors.V)
		}
		e.scope.Bind("states", states)
		for i := range e.variables.Len() {
			e.scope.Bind(e.variables.At(i))
		}
	}
	v, ok, err := e.within(expr)
	if err != nil {
		fail := failf(ErrQueryEvaluation, "The JSONata expression '%s' specified for the field '%s' threw an error during evaluation%s", expr, field, jsonataCause(err))
		fail.field = field
		return nil, fail
	}
	if !ok {
		fail := failf(ErrQueryEvaluation, "The JSONata expression '%s' specified for the field '%s' returned nothing (undefined).", expr, field)
		fail.field = field
		return nil, fail
	}
	return v, nil
}

// within evaluates an expression, unless it is known to run out of time.
func (e *evaluation) within(expr string) (any, bool, error) {
	e.patience.count++
	n := e.patience.count
	if slices.Contains(e.env.Exhausted, n) {
		return nil, false, &jsonata.Error{Code: jsonata.CodeTimeout, Message: "Evaluation timeout. Check for infinite loop"}
	}
	v, ok, err := e.scope.Eval(expr)
	if own, is := errors.AsType[*jsonata.Error](err); is && own.Code == jsonata.CodeTimeout && e.patience.hit == 0 {
		e.patience.hit = n
	}
	return v, ok, err
}

func jsonataCause(err error) string {
	own, ok := errors.AsType[*jsonata.Error](err)
	switch {
	case !ok:
		return ": " + err.Error()
	case own.Code == jsonata.CodeOther:
		return ": " + own.Message
	}
	return ". " + own.Code + ": " + own.Message
}

// unexpectedType is the failure of an expression that yields the wrong type.
func unexpectedType(expr, field, want string, got any) *failure {
	fail := failf(ErrQueryEvaluation, "The JSONata expression '%s' specified for the field '%s' returned an unexpected result type. Expected '%s', but was '%s' for value: %s", expr, field, want, kindOf(got), quoteJSON(got))
	fail.field = field
	return fail
}

// number evaluates a numeric field to an integer between low and high. Paths may
// lead to digits in a string, as AWS accepts them.
func (m *number) eval(e *evaluation, low, high float64) (float64, *failure) {
	switch {
	case m == nil:
		return 0, nil
	case m.expr != "":
		v, fail := e.query(m.expr, m.field)
		if fail != nil {
			return 0, fail
		}
		n, ok := v.(Number)
		if !ok {
			return 0, unexpectedType(m.expr, m.field, "number", v)
		}
		return m.within(n.Float(), low, high, quoteJSON(v))
	case m.path != nil:
		v, document, ok := e.lookup(m.path)
		if !ok {
			return 0, failf(ErrRuntime, "The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'", m.path.text, m.field, quoteJSON(document))
		}
		n, isNumber := v.(Number)
		if s, isText := v.(string); isText {
			n, isNumber = Number(strings.TrimSpace(s)), true
		}
		if !isNumber || n == "" || math.IsNaN(n.Float()) {
			return 0, failf(ErrRuntime, "The %s field contains an invalid value: %s == %s", m.field, m.path.text, quoteJSON(v))
		}
		return m.within(n.Float(), low, high, m.path.text+" == "+quoteJSON(v))
	}
	return m.literal, nil
}

func (m *number) within(f, low, high float64, shown string) (float64, *failure) {
	if f < low || f > high {
		return 0, failf(ErrRuntime, "The value of the field '%s' must be between %v and %v: %s", m.field, low, high, shown)
	}
	return f, nil
}

// text evaluates a string field.
func (t *text) eval(e *evaluation) (string, *failure) {
	switch {
	case t.expr != "":
		v, fail := e.query(t.expr, t.field)
		if fail != nil {
			return "", fail
		}
		s, ok := v.(string)
		if !ok {
			return "", unexpectedType(t.expr, t.field, "string", v)
		}
		return s, nil
	case t.call != nil:
		v, fail := t.call.eval(e)
		if fail != nil {
			return "", fail
		}
		s, ok := v.(string)
		if !ok {
			return "", failf(ErrRuntime, "The %s field must be a string, but was: %s", t.field, quoteJSON(v))
		}
		return s, nil
	case t.path != nil:
		v, document, ok := e.lookup(t.path)
		if !ok {
			return "", failf(ErrRuntime, "The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'", t.path.text, t.field, quoteJSON(document))
		}
		s, ok := v.(string)
		if !ok {
			return "", failf(ErrRuntime, "The %s field must be a string, but was: %s", t.field, quoteJSON(v))
		}
		return s, nil
	}
	return t.literal, nil
}

// parseTimestamp reads an RFC 3339 time with an upper-case T and a zone.
func parseTimestamp(s string) (time.Time, bool) {
	if len(s) < 20 || s[10] != 'T' || strings.Contains(s, ",") || strings.HasSuffix(s, "z") {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// formatTime is a time as the context object has it.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// locate makes a failure say which state it is about.
func (f *failure) locate(state string, entered int64) {
	if f.located {
		f.cause = fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", state, entered, f.cause)
		f.located = false
	}
}

// newRandom is a source of numbers that depends on the environment alone.
func newRandom(env Env, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(env.Seed, stream))
}
