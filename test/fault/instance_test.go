package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/test/platform"
)

// victims are the processes of boxes: PID 1 of each, runtimes and what they made.
func victims(t *testing.T, p *platform.Platform) (all []platform.Process) {
	t.Helper()
	for _, process := range below(t, p) {
		if c := process.Command(); c != "" && !strings.Contains(c, "mkfs") {
			all = append(all, process)
		}
	}
	return all
}

// TestInstancesDie: instances are killed under load; each caller gets the
// function's answer or learns that its instance died, and nobody waits for ever.
func TestInstancesDie(t *testing.T) {
	const invocations, callers, between = 1000, 16, 10
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	p := start(t, place(t), configured(t, "pool: {boxesAhead: -1, zygoteOff: true}\n")...) // every box is an instance's
	create(t, p, python("python", "def handler(event, context):\n    return event\n"),
		node("node", "exports.handler = async event => event;"))
	names := []string{"python", "node"}
	for _, name := range names {
		invoke(t, p, name, "0")
	}
	var next, done, fine, died, unmade atomic.Int64
	due := make(chan struct{}, invocations)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for n := next.Add(1); n <= invocations; n = next.Add(1) {
				answer, failed, err := p.Invoke(t.Context(), names[n%2], fmt.Sprint(n))
				var doc struct{ ErrorType, ErrorMessage string }
				_ = json.Unmarshal([]byte(answer), &doc)
				switch {
				case err == nil && failed == "" && answer == fmt.Sprint(n):
					fine.Add(1)
				case err == nil && failed == "Unhandled" && doc.ErrorType == "Runtime.ExitError":
					died.Add(1)
				case strings.Contains(fmt.Sprint(err), "SandboxUnavailableException"): // killed while its box was made
					unmade.Add(1)
				default:
					t.Errorf("invocation %d: %s %s %v", n, answer, failed, err)
				}
				if done.Add(1)%between == 0 {
					due <- struct{}{}
				}
			}
		})
	}
	killed := 0
	for range invocations / between {
		<-due
		if all := victims(t, p); len(all) > 0 {
			if err := syscall.Kill(all[random.IntN(len(all))].PID, syscall.SIGKILL); err == nil {
				killed++
			}
		}
	}
	all.Wait()
	t.Logf("%d killed: %d invocations answered, %d learnt of a death, %d of a box that was not made",
		killed, fine.Load(), died.Load(), unmade.Load())
	if killed < invocations/between/2 || fine.Load() < invocations/2 || unmade.Load() > int64(killed)/2 {
		t.Error("that is not what was to be tested")
	}
	// Those that died idle are nobody's answer, once that is known.
	eventually(t, func() error {
		for _, name := range names {
			if answer, failed, err := p.Invoke(t.Context(), name, "1"); err != nil || failed != "" {
				return fmt.Errorf("%s: %s %w", name, answer, err)
			}
		}
		return nil
	})
	// What died is out of the books: as many boxes as instances.
	eventually(t, func() error {
		n, err := p.Node(t.Context())
		f, ferr := p.Footprint()
		if err = errors.Join(err, ferr); err == nil && n.Sandbox.Name == "linux" && f.Namespaces != n.Instances.Total+n.Instances.Spare {
			err = fmt.Errorf("%d boxes, %+v instances", f.Namespaces, n.Instances)
		}
		return err
	})
}

// TestStoppedInstance: an instance that stands still is answered for when its
// time is up, and does not stay.
func TestStoppedInstance(t *testing.T) {
	p := start(t, place(t), configured(t, "pool: {prewarmOff: true, zygoteOff: true}\n")...) // so that every process below ebb is f's
	f := python("f", "def handler(event, context):\n    return event\n")
	f.TimeoutS = 2
	create(t, p, f)
	invoke(t, p, "f", "1")
	state(t, p, "f", "idle")
	stopped := victims(t, p)
	for _, v := range stopped {
		if err := syscall.Kill(v.PID, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	answer, failed, err := p.Invoke(t.Context(), "f", "2")
	if err != nil || failed != "Unhandled" || !strings.Contains(answer, `"Sandbox.Timedout"`) {
		t.Errorf("%s %s %v", answer, failed, err)
	}
	eventually(t, func() error {
		for _, v := range stopped {
			if v.Alive() {
				return fmt.Errorf("process %d is still there: %s", v.PID, v.Command())
			}
		}
		return nil
	})
	if got := invoke(t, p, "f", "3"); got != "3" {
		t.Errorf("the next one: %s", got)
	}
}
