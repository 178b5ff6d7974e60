package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTriggersOfManifest: ebb.yaml has the triggers of its functions and of the
// service; deploy makes, changes, leaves and prunes them, and diff tells.
func TestTriggersOfManifest(t *testing.T) {
	service := "t" + strings.ToLower(strings.NewReplacer("_", "-", "/", "-").Replace(name(t)))
	dir := t.TempDir()
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("app.py", "def handler(event, context): print('ran', event.get('id'))\n")
	yaml := `service: {name: ` + service + `}
functions:
  report:
    runtime: python3
    handler: app.handler
    triggers:
      - name: nightly
        timer: {schedule: cron(0 2 * * ? *), timezone: Asia/Shanghai}
        maxRetries: 1
triggers:
  - name: orders
    target: report
    event: {pattern: {source: [shop]}}
`
	write("ebb.yaml", yaml)
	ebb := func(want int, args ...string) string {
		t.Helper()
		return cli(t, shared, want, append(args, "--service", service)...)
	}
	says := func(said string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(said, want) {
				t.Errorf("%q lacks %q", said, want)
			}
		}
	}
	says(cli(t, shared, 0, "deploy", dir), "trigger nightly  created", "trigger orders   created")
	says(ebb(0, "trigger", "show", "nightly"), `"target": "arn:aws:lambda:us-east-1:`, `:function:report"`, `"timezone": "Asia/Shanghai"`, `"status": "active"`)
	says(cli(t, shared, 0, "deploy", dir), "trigger nightly  unchanged", "trigger orders   unchanged")
	if said := cli(t, shared, 0, "diff", dir); strings.Contains(said, "trigger") {
		t.Errorf("nothing differs: %s", said)
	}
	// What an operator has paused stays paused.
	ebb(0, "trigger", "pause", "orders")
	write("ebb.yaml", strings.NewReplacer("cron(0 2 *", "cron(0 3 *", "source: [shop]", "source: [shop, store]").Replace(yaml))
	says(cli(t, shared, 0, "diff", dir), "~ trigger nightly", "timer.schedule: \"cron(0 2 * * ? *)\" → \"cron(0 3 * * ? *)\"", "~ trigger orders", "event.pattern")
	says(cli(t, shared, 0, "deploy", dir), "updated (timer.schedule)", "updated (event.pattern)")
	says(ebb(0, "trigger", "show", "orders"), `"status": "paused"`, `"store"`)
	// What the platform refuses is said of the place in the file.
	write("ebb.yaml", strings.Replace(yaml, "cron(0 2 * * ? *)", "every day", 1))
	says(cli(t, shared, 2, "deploy", dir), "ebb.yaml:8:17: triggers.nightly.timer.schedule: ")
	write("ebb.yaml", yaml[:strings.Index(yaml, "triggers:\n  - name: orders")])
	says(cli(t, shared, 0, "diff", dir), "- trigger orders")
	says(cli(t, shared, 0, "deploy", dir, "--prune", "--yes"), "trigger orders", "deleted")
	ebb(2, "trigger", "show", "orders")
	ebb(0, "trigger", "show", "nightly")
}
