package jsonata

import (
	"fmt"
	"time"

	"github.com/dop251/goja"
)

// Env is all that may enter an evaluation besides its bindings.
type Env struct {
	Now  time.Time // what $now() and $millis() say
	Seed uint64    // of $random(), $shuffle() and $uuid()

	// Time replaces Config.Time when it is not zero. It never changes what an
	// expression yields, only whether it gets to the end.
	Time time.Duration
}

// Scope evaluates expressions over one set of bindings. One goroutine at a time
// may use it. The same calls in the same order yield the same results.
type Scope struct {
	engine  *Engine
	env     Env
	names   []string
	values  map[string]any
	machine *machine
	js      *goja.Object // the bindings within machine
	input   any
	hasRoot bool
}

// Scope returns a scope without bindings.
func (e *Engine) Scope(env Env) *Scope {
	return &Scope{engine: e, env: env, values: make(map[string]any, 4)}
}

// Bind gives the variable $name a JSON value in all later calls of Eval.
func (s *Scope) Bind(name string, value any) {
	if _, ok := s.values[name]; !ok {
		s.names = append(s.names, name)
	}
	s.values[name] = value
	s.forget()
}

// Input sets what $ and $$ stand for; without it they are undefined.
func (s *Scope) Input(value any) {
	s.input, s.hasRoot = value, true
}

// forget drops the bindings within the machine; the machine, with its clock and
// its random numbers, stays.
func (s *Scope) forget() { s.js = nil }

// Close gives back what the scope holds. It may be used again afterwards, as if
// new.
func (s *Scope) Close() {
	if s.machine != nil {
		s.engine.release(s.machine)
		s.machine, s.js = nil, nil
	}
}

// Eval evaluates an expression. ok is false when it yields nothing (undefined).
// The error is an *Error, unless the library itself cannot be loaded.
func (s *Scope) Eval(expression string) (value any, ok bool, err error) {
	if root := s.engine.plan(expression).root; root != nil && !s.hasRoot {
		if v := root.eval(s); v.kind != unknown {
			return v.result()
		}
	}
	text, ok, err := s.slow(expression)
	if err != nil || !ok {
		return nil, false, err
	}
	value, err = ParseJSON([]byte(text))
	if err != nil {
		return nil, false, &Error{Code: CodeOther, Message: err.Error()}
	}
	return value, true, nil
}

func (s *Scope) slow(expression string) (text string, ok bool, err error) {
	if err := s.load(); err != nil {
		return "", false, err
	}
	input := goja.Undefined()
	if s.hasRoot {
		if input, err = s.parse(s.input, AppendJSON(nil, s.input)); err != nil {
			return "", false, err
		}
	}
	text, ok, err = s.machine.evaluate(expression, input, s.js)
	if s.machine.broken {
		s.machine, s.js = nil, nil
	}
	return text, ok, err
}

// load brings the bindings into a machine, once.
func (s *Scope) load() error {
	if s.machine == nil {
		m, err := s.engine.acquire()
		if err != nil {
			return err
		}
		m.begin(s.env)
		s.machine = m
	}
	if s.js != nil {
		return nil
	}
	record, err := s.machine.jsRecord(goja.Undefined())
	if err != nil {
		return err
	}
	js, total := record.ToObject(s.machine.vm), 0
	for _, name := range s.names {
		text := AppendJSON(nil, s.values[name])
		if total += len(text); total > s.engine.config.Input {
			return &Error{Code: CodeTooLarge, Message: fmt.Sprintf("The variables have more than %d bytes", s.engine.config.Input)}
		}
		v, err := s.parse(s.values[name], text)
		if err != nil {
			return err
		}
		if err := js.Set(name, v); err != nil {
			return err
		}
	}
	s.js = js
	return nil
}

// parse makes a value of the machine from JSON text; scalars need no text.
func (s *Scope) parse(value any, text []byte) (goja.Value, error) {
	switch v := value.(type) {
	case nil:
		return goja.Null(), nil
	case bool:
		return s.machine.vm.ToValue(v), nil
	case string:
		return s.machine.vm.ToValue(v), nil
	}
	v, err := s.machine.jsParse(goja.Undefined(), s.machine.vm.ToValue(string(text)))
	if err != nil { // it is JSON, so only a number can be wrong with it
		return nil, &Error{Code: "D1001", Message: "Number out of range: " + err.Error()}
	}
	return v, nil
}
