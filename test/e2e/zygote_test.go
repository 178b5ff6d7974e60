package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/test/platform"
)

// starts reads how many instances were started in some way.
func starts(t *testing.T, p *platform.Platform, kind string) int {
	t.Helper()
	_, text := scrapeOf(t, p)
	m := regexp.MustCompile(`ebb_starts_total\{kind="` + kind + `"\} ([0-9]+)`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no starts of kind %s in %s", kind, text)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// zygote waits until the platform has one: a first instance has missed it.
func zygote(t *testing.T, p *platform.Platform) {
	t.Helper()
	eventually(t, func() error {
		n, err := p.Node(t.Context())
		if err == nil && n.Instances.Zygotes == 0 {
			err = fmt.Errorf("%+v", n.Instances)
		}
		return err
	})
}

// TestBurstBeyondThePrewarmed: a hundred requests at once for a Python function that
// has no instance, with a single box made ahead: what it does not cover is copied
// from one process that has started.
func TestBurstBeyondThePrewarmed(t *testing.T) {
	needsBoxes(t)
	p := configured(t, "prewarmMin: 1, prewarmMax: 1, idleTimeout: 1h, zygoteKeep: 2s")
	f := python("import time, os\ndef handler(event, context):\n    time.sleep(1)\n    return event\n")
	f.Name, f.TimeoutS = name(t), 30
	if err := p.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	const burst = 100
	begin := time.Now()
	var all sync.WaitGroup
	for i := range burst {
		all.Go(func() {
			answer, failed, err := p.Invoke(t.Context(), f.Name, strconv.Itoa(i))
			if err != nil || failed != "" || answer != strconv.Itoa(i) {
				t.Errorf("request %d: %s %s %v", i, answer, failed, err)
			}
		})
	}
	all.Wait()
	n, err := p.Node(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	copies, fresh := starts(t, p, "zygote"), starts(t, p, "fresh")
	t.Logf("%d requests of 1 s in %v: %d instances, %d of them copies, %d from boxes made ahead, %d with a process of their own",
		burst, time.Since(begin), n.Instances.Total, copies, starts(t, p, "spare"), fresh)
	if n.Instances.Total > burst || copies < 10 || fresh > copies {
		t.Errorf("%d instances, %d copies, %d fresh", n.Instances.Total, copies, fresh)
	}
	eventually(t, func() error { // nobody misses it any more
		n, err := p.Node(t.Context())
		if err == nil && n.Instances.Zygotes != 0 {
			err = fmt.Errorf("%+v", n.Instances)
		}
		return err
	})
	if answer, failed, err := p.Invoke(t.Context(), f.Name, `1`); answer != "1" || failed != "" || err != nil {
		t.Errorf("a copy whose zygote has ended: %s %s %v", answer, failed, err)
	}
}

// TestForkedIsOutOfReach: functions whose instances were copied are as far from each
// other, from ebb and from the process they were copied from as any; they have
// randomness of their own.
func TestForkedIsOutOfReach(t *testing.T) {
	needsBoxes(t)
	p := configured(t, "prewarmOff: true, idleTimeout: 1h, zygoteKeep: 1h")
	const prefix = "e2e-forked-secret-"
	create := func(suffix string, env map[string]string) string {
		f := wantsOut(t)
		f.Name, f.Env = name(t)+suffix, env
		if err := p.Create(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		return f.Name
	}
	first := create("-first", nil)
	invoke(t, p, first, `{"do":"random"}`)
	zygote(t, p)
	before := starts(t, p, "fresh")

	victim, attacker := create("-victim", map[string]string{"SECRET": prefix + "4711"}), create("-attacker", nil)
	answer := make(chan string, 1)
	go func() {
		got, failed, err := p.Invoke(t.Context(), victim, `{"do":"victim","seconds":6}`)
		answer <- fmt.Sprint(got, failed, err)
	}()
	eventually(t, func() error {
		list, err := p.Instances(t.Context(), victim)
		if err == nil && (len(list) != 1 || list[0].State != "busy") {
			err = fmt.Errorf("instances: %+v", list)
		}
		return err
	})
	got := decode[struct {
		Found, Reached []string
		Processes      int
	}](t, invoke(t, p, attacker, `{"do":"hunt","prefix":"`+prefix+`"}`))
	if len(got.Found) > 0 || len(got.Reached) > 0 || got.Processes != 0 {
		t.Errorf("%+v", got)
	}
	if got := <-answer; got != `"undisturbed"<nil>` {
		t.Errorf("the victim answers %s", got)
	}
	forged := decode[map[string]int](t, invoke(t, p, attacker, `{"do":"forge"}`))
	for what, status := range forged {
		if status < 400 || status > 499 {
			t.Errorf("%s: status %d", what, status)
		}
	}
	if answer, failed, err := p.Invoke(t.Context(), create("-taker", nil), `{"do":"take","megabytes":600}`); err != nil || failed == "" || !strings.Contains(answer, "Runtime.OutOfMemory") {
		t.Errorf("%s %s %v", answer, failed, err)
	}
	seen := make(map[string]bool)
	const throws = 4
	for i := range throws {
		for _, thrown := range decode[[]any](t, invoke(t, p, create(fmt.Sprint("-dice-", i), nil), `{"do":"random"}`)) {
			seen[fmt.Sprint(thrown)] = true
		}
	}
	if len(seen) != 4*throws {
		t.Errorf("copies throw the same dice: %v", seen)
	}
	if now := starts(t, p, "fresh"); now != before {
		t.Errorf("%d instances started a process of their own", now-before)
	}
}

// TestKilledZygote: without the process that instances are copied from, they start
// one of their own, and another takes its place.
func TestKilledZygote(t *testing.T) {
	needsBoxes(t)
	p := configured(t, "prewarmOff: true, idleTimeout: 1h, zygoteKeep: 1h")
	answers := func(suffix string) {
		t.Helper()
		f := python("def handler(event, context):\n    return event\n")
		f.Name = name(t) + suffix
		if err := p.Create(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if got := invoke(t, p, f.Name, `"x"`); got != `"x"` {
			t.Errorf("got %s", got)
		}
	}
	find := func() *platform.Process {
		t.Helper()
		tree, err := platform.ProcessTree(p.PID())
		if err != nil {
			t.Fatal(err)
		}
		for _, process := range tree {
			if strings.HasSuffix(process.Command(), " zygote") && process.Parent == p.PID() {
				return &process
			}
		}
		return nil
	}
	answers("-misses")
	zygote(t, p)
	killed := find()
	if killed == nil {
		t.Fatal("there is no zygote below ebb")
	}
	if err := syscall.Kill(killed.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	answers("-without")
	copies := starts(t, p, "zygote")
	for i := 0; starts(t, p, "zygote") == copies; i++ {
		answers(fmt.Sprint("-again-", i))
		if i == 50 {
			t.Fatal("nothing is copied any more")
		}
	}
	if again := find(); again == nil || again.PID == killed.PID {
		t.Errorf("the zygote is %+v", again)
	}
}
