package jsonata

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/dop251/goja"
)

// machine is one JavaScript realm with the library loaded. One goroutine at a
// time uses it.
type machine struct {
	engine *Engine
	vm     *goja.Runtime
	broken bool // interrupted or overflowed: its state is unknown

	now    time.Time
	limit  time.Duration
	random *rand.Rand

	jsCheck, jsBare, jsEvaluate, jsParse, jsRecord goja.Callable
}

// nativeStack is deep enough for what Config.Stack allows: the library uses a
// dozen frames for one level of an expression.
const nativeStack = 64

func newMachine(e *Engine) (*machine, error) {
	m := &machine{engine: e, vm: goja.New(), limit: e.config.Time, random: rand.New(rand.NewPCG(0, 0))}
	m.vm.SetMaxCallStackSize(e.config.Stack * nativeStack)
	m.vm.SetTimeSource(func() time.Time { return m.now })
	m.vm.SetRandSource(func() float64 { return m.random.Float64() })
	library, err := e.library()
	if err != nil {
		return nil, fmt.Errorf("jsonata library: %w", err)
	}
	driver, err := e.driver()
	if err != nil {
		return nil, fmt.Errorf("jsonata driver: %w", err)
	}
	if _, err := m.vm.RunProgram(library); err != nil {
		return nil, fmt.Errorf("jsonata library: %w", err)
	}
	// Only now: with a window there, the library would put itself into it.
	if err = m.globals(); err != nil {
		return nil, err
	}
	made, err := m.vm.RunProgram(driver)
	if err != nil {
		return nil, fmt.Errorf("jsonata driver: %w", err)
	}
	makeDoor, ok := goja.AssertFunction(made)
	if !ok {
		return nil, errors.New("jsonata driver: not a function")
	}
	door, err := makeDoor(goja.Undefined(), m.host())
	if err != nil {
		return nil, fmt.Errorf("jsonata driver: %w", err)
	}
	return m, m.doorFunctions(door.ToObject(m.vm))
}

func (m *machine) doorFunctions(door *goja.Object) error {
	for name, fn := range map[string]*goja.Callable{
		"check": &m.jsCheck, "bare": &m.jsBare, "evaluate": &m.jsEvaluate, "parse": &m.jsParse, "record": &m.jsRecord,
	} {
		f, ok := goja.AssertFunction(door.Get(name))
		if !ok {
			return fmt.Errorf("jsonata driver: no function %s", name)
		}
		*fn = f
	}
	return nil
}

// globals supplies what browsers and Node.js have and goja has not, and takes
// the means to run JavaScript away.
func (m *machine) globals() error {
	throw := func(text string) { panic(m.vm.NewTypeError(text)) }
	btoa := func(v goja.Value) string {
		s, ok := v.ToString().(goja.String)
		if !ok {
			throw("btoa: not a string")
		}
		raw := make([]byte, s.Length())
		for i := range raw {
			c := s.CharAt(i)
			if c > 0xff {
				throw("btoa: character out of range")
			}
			raw[i] = byte(c)
		}
		return base64.StdEncoding.EncodeToString(raw)
	}
	atob := func(s string) goja.Value {
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			throw("atob: not base64")
		}
		units := make([]rune, len(raw))
		for i, c := range raw {
			units[i] = rune(c)
		}
		return m.vm.ToValue(string(units))
	}
	window := m.vm.NewObject() // where the library looks for them
	return errors.Join(
		window.Set("btoa", func(c goja.FunctionCall) goja.Value { return m.vm.ToValue(btoa(c.Argument(0))) }),
		window.Set("atob", func(c goja.FunctionCall) goja.Value { return atob(c.Argument(0).String()) }),
		m.vm.Set("window", window),
		m.vm.GlobalObject().Delete("eval"),
	)
}

// host is what the driver gets from Go.
func (m *machine) host() *goja.Object {
	h := m.vm.NewObject()
	for name, v := range map[string]any{
		"library": m.vm.Get("jsonata"), "stack": m.engine.config.Stack, "states": !m.engine.config.Standard, "maxRange": m.engine.config.Range,
		"refuseRegexp": func(pattern string) bool { return !m.engine.config.Backtrack && backtracks(pattern) },
		"hash":         Hash,
		"seededRandom": func(seed float64) float64 { return NewJavaRandom(int64(seed)).Float64() },
		"uuid":         func() string { return UUID(m.random) },
	} {
		_ = h.Set(name, v) // a fresh ordinary object refuses nothing
	}
	return h
}

// begin makes the machine deterministic for one scope.
func (m *machine) begin(env Env) {
	m.now = env.Now
	m.limit = m.engine.config.Time
	if env.Time > 0 {
		m.limit = env.Time
	}
	m.random = rand.New(rand.NewPCG(env.Seed, 0x9e3779b97f4a7c15))
}

// limited calls f under the time limit. The interrupt cannot reach a later use
// of the machine: a timer that fired marks it broken first.
func (m *machine) limited(f func() error) error {
	var mu sync.Mutex
	done, fired := false, false
	timer := time.AfterFunc(m.limit, func() {
		mu.Lock()
		defer mu.Unlock()
		if !done {
			fired = true
			m.vm.Interrupt("time limit")
		}
	})
	err := f()
	timer.Stop()
	mu.Lock()
	done = true
	m.broken = m.broken || fired
	mu.Unlock()
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*goja.InterruptedError](err); ok || fired {
		m.broken = true
		return &Error{Code: CodeTimeout, Message: fmt.Sprintf("Evaluation timeout after %d milliseconds. Check for infinite loop", m.limit.Milliseconds())}
	}
	if _, ok := errors.AsType[*goja.StackOverflowError](err); ok {
		m.broken = true
		return &Error{Code: CodeStack, Message: "Stack overflow. Check for non-terminating recursive function.  Consider rewriting as tail-recursive"}
	}
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	m.broken = true
	return &Error{Code: CodeOther, Message: err.Error()}
}

func (m *machine) check(expression string) error {
	return m.limited(func() error {
		v, err := m.jsCheck(goja.Undefined(), m.vm.ToValue(expression))
		if err != nil {
			return err
		}
		if text := v.String(); text != "" {
			return failure(text)
		}
		return nil
	})
}

func (m *machine) bare(expression string) (names []string, err error) {
	err = m.limited(func() error {
		v, err := m.jsBare(goja.Undefined(), m.vm.ToValue(expression))
		if err != nil {
			return err
		}
		return json.Unmarshal([]byte(v.String()), &names)
	})
	return names, err
}

// evaluate returns the result as JSON text; ok is false when it is undefined.
func (m *machine) evaluate(expression string, input, bindings goja.Value) (text string, ok bool, err error) {
	kind := ""
	done := func(c goja.FunctionCall) goja.Value {
		kind, text = c.Argument(0).String(), c.Argument(1).String()
		return goja.Undefined()
	}
	err = m.limited(func() error {
		_, err := m.jsEvaluate(goja.Undefined(), m.vm.ToValue(expression), input, bindings, m.vm.ToValue(done))
		return err
	})
	switch {
	case err != nil:
		return "", false, err
	case kind == "value" && len(text) > m.engine.config.Output:
		return "", false, &Error{Code: CodeTooLarge, Message: fmt.Sprintf("The result has %d bytes, more than %d", len(text), m.engine.config.Output)}
	case kind == "value":
		return text, true, nil
	case kind == "undefined":
		return "", false, nil
	case kind == "function":
		return "", false, &Error{Code: CodeFunction, Message: "The result is a function"}
	case kind == "error":
		return "", false, failure(text)
	}
	m.broken = true
	return "", false, &Error{Code: CodeTimeout, Message: "The evaluation never came to an end"}
}

// failure reads an error as the driver writes it.
func failure(text string) *Error {
	var f struct {
		Code, Message, Token string
		Position             float64
	}
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return &Error{Code: CodeOther, Message: text}
	}
	if f.Code == "" {
		f.Code = CodeOther
	}
	return &Error{Code: f.Code, Message: f.Message, Position: int(f.Position), Token: f.Token}
}
