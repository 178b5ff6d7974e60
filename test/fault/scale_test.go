package fault

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ebb-faas/ebb/test/platform"
)

// scaleDefault is how many functions TestManyFunctionsOnce deploys where
// EBB_SCALE does not say.
const scaleDefault = 100

// TestManyFunctionsOnce: many functions, each invoked once; when their instances
// have left, the node has the memory that it had before, give or take a tenth.
func TestManyFunctionsOnce(t *testing.T) {
	total := scaleDefault
	if text := os.Getenv("EBB_SCALE"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal("EBB_SCALE:", err)
		}
		total = n
	}
	p := start(t, place(t), configured(t, "pool: {idleTimeout: 2s, prewarmMin: 1, prewarmMax: 1, zygoteKeep: 1s}\n")...)
	run := func(from, to int) {
		t.Helper()
		var all errgroup.Group
		all.SetLimit(8)
		for i := from; i < to; i++ {
			all.Go(func() error {
				f := platform.Function{Name: fmt.Sprintf("f%d", i), Runtime: "python3", Handler: "app.handler",
					Files: map[string]string{"app.py": "def handler(event, context):\n    return event\n"}}
				if err := p.Create(t.Context(), f); err != nil {
					return err
				}
				answer, failed, err := p.Invoke(t.Context(), f.Name, strconv.Itoa(i))
				if err == nil && (failed != "" || answer != strconv.Itoa(i)) {
					err = fmt.Errorf("%s answers %s %s", f.Name, answer, failed)
				}
				return err
			})
		}
		if err := all.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	// What is paid once is paid before: pools of memory, the first code paths.
	run(0, total/10)
	idle := restingMemory(t, p, 0)
	begin := time.Now()
	run(total/10, total)
	took := time.Since(begin)
	most := idle + idle/10
	after := restingMemory(t, p, most)
	t.Logf("%d functions in %v; the node's memory: %d MiB before, %d MiB after", total, took, idle>>20, after>>20)
	if after > most {
		t.Errorf("%d MiB before, %d MiB after", idle>>20, after>>20)
	}
}

// restingMemory waits until only one box made ahead is left, and sums up what all
// processes of the node have, shared memory divided. For so much it waits, since
// Go gives memory back to the system only after a while; 0 = as it is.
func restingMemory(t *testing.T, p *platform.Platform, most int64) (sum int64) {
	t.Helper()
	err := platform.Poll(t.Context(), time.Minute, func() error {
		n, err := p.Node(t.Context())
		if err == nil && (n.Instances.Total > 0 || n.Instances.Spare != 1 || n.Instances.Zygotes > 0) {
			err = fmt.Errorf("%+v", n.Instances)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var measured error
	_ = platform.Poll(t.Context(), time.Minute, func() error { // its caller sees what came of it
		if sum, measured = treeMemory(p.PID()); measured == nil && most > 0 && sum > most {
			return fmt.Errorf("%d bytes", sum)
		}
		return nil
	})
	if measured != nil {
		t.Fatal(measured)
	}
	return sum
}

func treeMemory(root int) (sum int64, err error) {
	tree, err := platform.ProcessTree(root)
	if err != nil {
		return 0, err
	}
	for _, process := range tree {
		if _, pss, err := platform.Memory(process.PID); err == nil { // it may have ended
			sum += pss
		}
	}
	return sum, nil
}
