package jsonata

import (
	_ "embed" // the library and its door are files
	"sync"
	"time"

	"github.com/dop251/goja"
)

//go:embed js/jsonata.min.js
var librarySource string

//go:embed js/driver.js
var driverSource string

// Config limits what an expression may use. A zero field means its default.
type Config struct {
	Time      time.Duration // of one evaluation; default 1 s
	Stack     int           // nested calls within an expression; default 500
	Input     int           // bytes of JSON of all bindings together; default 8 MiB
	Output    int           // bytes of JSON of a result; default 8 MiB
	Range     int           // elements that $range may return; default 1000
	Idle      int           // virtual machines kept for later; default 8
	Standard  bool          // plain JSONata: with $eval, without what the States Language adds
	NoFast    bool          // never take the fast path; for tests that compare
	Backtrack bool          // allow regular expressions that need backtracking
}

func (c Config) withDefaults() Config {
	set := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	if c.Time <= 0 {
		c.Time = time.Second
	}
	set(&c.Stack, 500)
	set(&c.Input, 8<<20)
	set(&c.Output, 8<<20)
	set(&c.Range, 1000)
	set(&c.Idle, 8)
	return c
}

// Engine evaluates expressions. It is safe for concurrent use. It holds no
// goroutine and needs no closing.
type Engine struct {
	config  Config
	library func() (*goja.Program, error)
	driver  func() (*goja.Program, error)

	mu    sync.Mutex
	idle  []*machine
	plans map[string]*plan
}

// maxPlans bounds the cache of compiled fast paths.
const maxPlans = 4096

// New returns an Engine. The library is compiled when it is first needed.
func New(c Config) *Engine {
	return &Engine{
		config:  c.withDefaults(),
		library: sync.OnceValues(func() (*goja.Program, error) { return goja.Compile("jsonata.min.js", librarySource, false) }),
		driver:  sync.OnceValues(func() (*goja.Program, error) { return goja.Compile("driver.js", driverSource, true) }),
		plans:   make(map[string]*plan),
	}
}

// Check compiles an expression. Its error is an *Error: what the expression says
// is not JSONata, or is not allowed.
func (e *Engine) Check(expression string) error {
	if e.plan(expression).root != nil {
		return nil
	}
	m, err := e.acquire()
	if err != nil {
		return err
	}
	err = m.check(expression)
	e.release(m)
	return err
}

// Bare lists the names that an expression takes from the context item at its top
// level, in order, $$ among them. Where there is no context item they always
// yield nothing. The expression must have passed Check.
func (e *Engine) Bare(expression string) ([]string, error) {
	if e.plan(expression).root != nil {
		return nil, nil
	}
	m, err := e.acquire()
	if err != nil {
		return nil, err
	}
	names, err := m.bare(expression)
	e.release(m)
	return names, err
}

func (e *Engine) acquire() (*machine, error) {
	e.mu.Lock()
	if n := len(e.idle); n > 0 {
		m := e.idle[n-1]
		e.idle = e.idle[:n-1]
		e.mu.Unlock()
		return m, nil
	}
	e.mu.Unlock()
	return newMachine(e)
}

func (e *Engine) release(m *machine) {
	if m.broken {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.idle) < e.config.Idle {
		e.idle = append(e.idle, m)
	}
}

// plan returns what the fast path knows of an expression; it never fails.
func (e *Engine) plan(expression string) *plan {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p, ok := e.plans[expression]; ok {
		return p
	}
	p := &plan{}
	if !e.config.NoFast {
		p.root = compileFast(expression)
	}
	if len(e.plans) >= maxPlans {
		clear(e.plans)
	}
	e.plans[expression] = p
	return p
}

// plan is a compiled expression; root is nil when only the library can run it.
type plan struct{ root node }
