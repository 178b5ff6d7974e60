package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ebb-faas/ebb/test/platform"
)

// The random walk of TestSoakSteps.
const (
	stepsDefault   = 600 // where EBB_STEPS does not say
	stepsFunctions = 100
	stepsCallers   = 8 // each has functions of its own, so that it knows what they must answer
)

// TestSoakSteps takes random steps over many functions: create, invoke, update,
// kill a process of an instance, delete. Every invocation must be answered, by
// the code that was deployed last, or, if a process was killed meanwhile, by the
// error that says so; and in the end nothing may be left. EBB_STEPS is how many
// steps, EBB_SEED repeats a run: what each caller does follows from it.
func TestSoakSteps(t *testing.T) {
	total, seed := fromEnv(t, "EBB_STEPS", stepsDefault), uint64(fromEnv(t, "EBB_SEED", int(time.Now().UnixNano()&0x7fffffff)))
	t.Logf("%d steps, EBB_SEED=%d", total, seed)
	p := start(t, place(t), configured(t, "pool: {idleTimeout: 1s, prewarmMin: 1, prewarmMax: 1, boxesAhead: -1, zygoteKeep: 1s}\n")...)
	requireLinux(t, p)
	w := &walk{p: p, kinds: []func(name, text string) platform.Function{pythonStep, nodeStep}}
	// The warm-up is of the same kind and visits every function, so that what is
	// made once is made, and log files that stay open are.
	w.visit(t)
	w.take(t, seed+1, 200)
	same := 0
	before := rest(t, p, func(now, last holding) bool {
		if same++; now != last || now.Zygotes > 0 || now.Namespaces != now.Spares { // code may be compiled in a box
			same = 0
		}
		return same >= 5
	})
	began := time.Now()
	w.take(t, seed, total)
	took := time.Since(began)
	var after holding
	for range 5 { // code that was deployed is compiled for a while yet
		if after = rest(t, p, func(now, _ holding) bool { return now.within(before) }); after.within(before) {
			break
		}
	}
	t.Logf("%s in %s; before %+v, after %+v", w, took.Round(time.Millisecond), before, after)
	if !after.within(before) {
		t.Errorf("what is held: before %+v, after %+v\n%s", before, after, strings.Join(remains(p), "\n"))
	}
	if failed, killed := w.broken.Load()+w.unmade.Load(), w.kills.Load(); failed > killed {
		t.Errorf("%d invocations failed, and %d processes were killed", failed, killed)
	}
}

// remains tells of the processes below p.
func remains(p *platform.Platform) (all []string) {
	tree, err := platform.ProcessTree(p.PID())
	if err != nil {
		return []string{err.Error()}
	}
	for _, one := range tree {
		all = append(all, fmt.Sprintf("%d below %d, alive %t: %.200s", one.PID, one.Parent, one.Alive(), one.Command()))
	}
	return all
}

// fromEnv reads a number.
func fromEnv(t *testing.T, name string, def int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("%s: %q is no number", name, s)
	}
	return n
}

func pythonStep(name, text string) platform.Function {
	return python(name, fmt.Sprintf("def handler(event, context):\n    return %q + event\n", text))
}

func nodeStep(name, text string) platform.Function {
	return node(name, fmt.Sprintf("exports.handler = async event => %q + event;\n", text))
}

// walk counts what was done.
type walk struct {
	p     *platform.Platform
	kinds []func(name, text string) platform.Function

	creates, invokes, updates, deletes, kills atomic.Int64
	broken                                    atomic.Int64 // invocations whose process was killed
	unmade                                    atomic.Int64 // invocations whose box was killed while it was made
}

func (w *walk) String() string {
	return fmt.Sprintf("%d creates, %d invocations (%d ended with their process, %d before it was there), %d updates, %d kills, %d deletes",
		w.creates.Load(), w.invokes.Load(), w.broken.Load(), w.unmade.Load(), w.updates.Load(), w.kills.Load(), w.deletes.Load())
}

// visit creates, invokes and deletes every function once.
func (w *walk) visit(t *testing.T) {
	t.Helper()
	c := stepper{walk: w, random: rand.New(rand.NewPCG(0, 0)), text: make(map[int]string)}
	for n := range stepsFunctions {
		c.text[n] = "first"
		if err := errors.Join(w.p.Create(t.Context(), c.function(n)), c.invoke(t.Context(), n, "first"), c.remove(t.Context(), n)); err != nil {
			t.Fatal(err)
		}
	}
}

// take walks, and deletes the functions that are left.
func (w *walk) take(t *testing.T, seed uint64, total int) {
	t.Helper()
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	var wrong atomic.Bool
	for caller := range stepsCallers {
		all.Go(func() {
			c := stepper{walk: w, random: rand.New(rand.NewPCG(seed, uint64(caller))), number: caller, text: make(map[int]string)}
			err := c.run(t.Context(), total/stepsCallers, &wrong)
			if err != nil {
				wrong.Store(true)
				mu.Lock()
				errs = append(errs, fmt.Errorf("caller %d: %w", caller, err))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(errs) > 0 {
		t.Fatal(errors.Join(errs...))
	}
}

// stepper is one caller. The functions whose numbers are its own modulo the
// number of callers are its.
type stepper struct {
	*walk
	random *rand.Rand
	number int
	text   map[int]string // of the functions there are: how their answers begin
}

// run takes so many steps, fewer if another caller has failed.
func (c *stepper) run(ctx context.Context, steps int, stop *atomic.Bool) error {
	for step := 0; step < steps && !stop.Load(); step++ {
		n := c.number + stepsCallers*c.random.IntN((stepsFunctions-c.number+stepsCallers-1)/stepsCallers)
		if err := c.step(ctx, step, n); err != nil {
			return fmt.Errorf("step %d, function %d: %w", step, n, err)
		}
	}
	for n := range c.text {
		if err := c.remove(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (c *stepper) step(ctx context.Context, step, n int) error {
	text, is := c.text[n]
	chance := c.random.IntN(100)
	switch {
	case !is:
		c.text[n] = fmt.Sprintf("%d-%d-", n, step)
		c.creates.Add(1)
		return c.p.Create(ctx, c.function(n))
	case chance < 6:
		return c.remove(ctx, n)
	case chance < 14:
		c.text[n] = fmt.Sprintf("%d-%d-", n, step)
		return c.update(ctx, n)
	case chance < 18:
		return c.kill()
	}
	return c.invoke(ctx, n, text)
}

func (c *stepper) function(n int) platform.Function {
	return c.kinds[n%len(c.kinds)](fmt.Sprintf("f%d", n), c.text[n])
}

func (c *stepper) invoke(ctx context.Context, n int, text string) error {
	c.invokes.Add(1)
	own := strconv.FormatUint(c.random.Uint64(), 36)
	answer, failed, err := c.p.Invoke(ctx, fmt.Sprintf("f%d", n), strconv.Quote(own))
	switch {
	case err != nil && strings.Contains(err.Error(), "SandboxUnavailableException"):
		c.unmade.Add(1)
	case err != nil:
		return err
	case failed != "" && strings.Contains(answer, "signal: killed"):
		c.broken.Add(1)
	case failed != "" || answer != strconv.Quote(text+own):
		return fmt.Errorf("answer %s %s, want %q", answer, failed, text+own)
	}
	return nil
}

func (c *stepper) update(ctx context.Context, n int) error {
	code, err := platform.Zip(c.function(n).Files)
	if err != nil {
		return err
	}
	c.updates.Add(1)
	_, err = c.p.Lambda().UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(fmt.Sprintf("f%d", n)), ZipFile: code})
	return err
}

func (c *stepper) remove(ctx context.Context, n int) error {
	delete(c.text, n)
	c.deletes.Add(1)
	_, err := c.p.Lambda().DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String(fmt.Sprintf("f%d", n))})
	return err
}

// kill ends one process in some box: of an instance, of one made ahead, or PID 1
// of a box. Which it hits is for the machine to say.
func (c *stepper) kill() error {
	members, err := platform.Members(c.p.Data)
	if err != nil || len(members) == 0 {
		return err
	}
	victim := members[c.random.IntN(len(members))]
	c.kills.Add(1)
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}
