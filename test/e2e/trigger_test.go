package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// cli runs ebb and must end with that exit code.
func cli(t *testing.T, p *platform.Platform, want int, args ...string) string {
	t.Helper()
	stdout, stderr, code, err := p.CLI(t.Context(), args...)
	if err != nil || code != want {
		t.Fatalf("ebb %v: %v, %d, %s%s", args, err, code, stdout, stderr)
	}
	return stdout + stderr
}

// TestTimer: a timer made on the command line starts a function every second,
// once for each; it can be tried, paused and deleted; calendars come from files.
func TestTimer(t *testing.T) {
	t.Parallel()
	f := deploy(t, platform.Function{Runtime: "python3", Handler: "app.handler", Files: map[string]string{"app.py": `
def handler(event, context):
    print("due", event["time"], event["detail"].get("businessDate"))
`}})
	days := filepath.Join(t.TempDir(), "days.csv")
	if err := os.WriteFile(days, []byte("2026-01-01,New Year\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tr := name(t)
	cli(t, shared, 0, "calendar", "put", tr, "--days", days, "--cut-over", "17:00", "--timezone", "Asia/Shanghai")
	cli(t, shared, 2, "trigger", "timer", tr, f, "--schedule", "every day")
	cli(t, shared, 2, "trigger", "timer", tr, "nobody", "--schedule", "* * * * * ?")
	if said := cli(t, shared, 0, "trigger", "timer", tr, f, "--schedule", "* * * * * ?", "--calendar", tr); !strings.Contains(said, "made "+tr) {
		t.Errorf("made: %s", said)
	}
	var shown *client.Trigger
	await(t, "three fires", func() bool {
		var err error
		if shown, err = shared.Client.Trigger(t.Context(), tr); err != nil {
			t.Fatal(err)
		}
		return shown.State.Fired >= 3
	})
	cli(t, shared, 0, "trigger", "pause", tr)
	fires, err := shared.Client.Fires(t.Context(), tr, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i, fire := range fires {
		if fire.Outcome != "fired" || i > 0 && fires[i-1].Due.Sub(fire.Due) != time.Second || fire.At.Sub(fire.Due) < 0 {
			t.Errorf("%+v", fires)
			break
		}
	}
	// Every fire ran the function, with its business date.
	for _, fire := range fires {
		await(t, "the line of "+fire.Task, func() bool {
			return strings.Contains(cli(t, shared, 0, "logs", f), "due "+fire.Due.UTC().Format(time.RFC3339)+" 20")
		})
	}
	if said := cli(t, shared, 0, "trigger", "ls", "--target", f); !strings.Contains(said, tr) || !strings.Contains(said, "paused") {
		t.Errorf("listed: %s", said)
	}
	cli(t, shared, 0, "trigger", "test", tr, "--event", `{"time":"by hand","detail":{}}`)
	await(t, "the event sent by hand", func() bool { return strings.Contains(cli(t, shared, 0, "logs", f), "due by hand None") })
	cli(t, shared, 2, "calendar", "rm", tr)
	cli(t, shared, 0, "trigger", "rm", tr)
	cli(t, shared, 0, "calendar", "rm", tr)
}

// TestTimerSurvives: what was due while ebb was down is fired once for all, as
// the default policy says.
func TestTimerSurvives(t *testing.T) {
	t.Parallel()
	data := place(t)
	p := start(t, data)
	f := name(t)
	err := p.Create(t.Context(), platform.Function{Name: f, Runtime: "python3", Handler: "app.handler", Files: map[string]string{"app.py": "def handler(e, c): pass\n"}})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := json.Marshal(map[string]any{"schedule": "* * * * * ?", "grace": 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Client.CreateTrigger(t.Context(), "tick", client.TriggerSettings{Target: f, Timer: settings}); err != nil {
		t.Fatal(err)
	}
	fired := func(n int64) *client.Trigger {
		t.Helper()
		var tr *client.Trigger
		await(t, "fires", func() bool {
			if tr, err = p.Client.Trigger(t.Context(), "tick"); err != nil {
				t.Fatal(err)
			}
			return tr.State.Fired >= n
		})
		return tr
	}
	before := fired(1)
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	await(t, "some seconds to pass", func() bool { return time.Since(killed) > 4*time.Second })
	p = start(t, data)
	after := fired(before.State.Fired + 2)
	if after.State.Skipped < 2 {
		t.Errorf("after %v without ebb: %+v", time.Since(killed), after.State)
	}
}

// await waits until ok is true.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	eventually(t, func() error {
		if !ok() {
			return errors.New("no sign of " + what)
		}
		return nil
	})
}

// TestTimerOfTwoNodes: two processes on one PostgreSQL, one of them killed
// meanwhile: a timer fires once for every second.
func TestTimerOfTwoNodes(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	a, b := n.start(0), n.start(1)
	f := platform.Function{Name: "f", Runtime: "python3", Handler: "app.handler", Files: map[string]string{"app.py": "def handler(e, c): pass\n"}}
	if err := a.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	settings, err := json.Marshal(map[string]any{"schedule": "* * * * * ?", "misfire": "all"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Client.CreateTrigger(t.Context(), "tick", client.TriggerSettings{Target: f.Name, Timer: settings}); err != nil {
		t.Fatal(err)
	}
	fired := func(n int64) {
		t.Helper()
		await(t, "fires", func() bool {
			tr, err := b.Client.Trigger(t.Context(), "tick")
			if err != nil {
				t.Fatal(err)
			}
			return tr.State.Fired >= n
		})
	}
	fired(4)
	if err := a.Kill(); err != nil {
		t.Fatal(err)
	}
	fired(10)
	if _, err := b.Client.PauseTrigger(t.Context(), "tick"); err != nil {
		t.Fatal(err)
	}
	fires, err := b.Client.Fires(t.Context(), "tick", 100)
	if err != nil {
		t.Fatal(err)
	}
	tasks := map[string]bool{}
	for i, fire := range fires {
		if tasks[fire.Task] || fire.Outcome != "fired" || i > 0 && fires[i-1].Due.Sub(fire.Due) != time.Second {
			t.Errorf("%+v", fires)
			break
		}
		tasks[fire.Task] = true
	}
}
