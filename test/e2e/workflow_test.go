package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/hosttest"
)

// TestWorkflows drives workflows with the SDK as it is.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	bank := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"key": %q}`, r.Header.Get("X-Api-Key"))
	}))
	t.Cleanup(bank.Close)
	p := start(t, place(t), "--config", within(t, "config.yaml", fmt.Sprintf("egress:\n  allow: [%q]\n", bank.Listener.Addr())))
	prefix := name(t)
	policy := within(t, "policy.yaml", `{Statement: [{Effect: Allow, Action: ["scheduler:*", "events:*"], Resource: "*"}]}`)
	connection := within(t, "connection.json", `{"AuthorizationType": "API_KEY", "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "X-Api-Key", "ApiKeyValue": "k1"}}}`)
	for _, args := range [][]string{
		{"role", "put", prefix + "planner", "--policy", policy},
		{"secret", "put", prefix + "bank", "--file", connection},
	} {
		if out, errs, code, err := p.CLI(t.Context(), args...); err != nil || code != 0 {
			t.Fatalf("ebb %v: exit %d, %v:\n%s%s", args, code, err, out, errs)
		}
	}
	out, errs, code, err := p.Python(t.Context(), "testdata/workflows.py", prefix, bank.URL)
	if err != nil || code != 0 {
		t.Errorf("exit %d, %v:\n%s%s", code, err, out, errs)
	}
	out, errs, code, err = p.CLI(t.Context(), "logs", "--workflow", prefix+"express")
	if err != nil || code != 0 || !strings.Contains(out, `"type":"TaskStarted"`) || !strings.Contains(out, `"type":"ExecutionSucceeded","details":{"output":[1]}`) {
		t.Errorf("the log of Express executions: exit %d, %v:\n%s%s", code, err, out, errs)
	}
}

// TestStatesModel calls every operation as its model says, and as it does not.
func TestStatesModel(t *testing.T) {
	t.Parallel()
	p := start(t, place(t))
	out, errs, code, err := p.Python(t.Context(), "testdata/statesmodel.py", name(t))
	if err != nil || code != 0 {
		t.Errorf("exit %d, %v:\n%s%s", code, err, out, errs)
	}
}

// TestRecordedWorkflows replays what was recorded on AWS, where the recordings
// are at hand. Six of them cannot be compared: they hold random numbers, times,
// or leave events out.
func TestRecordedWorkflows(t *testing.T) {
	t.Parallel()
	const want = 129
	folder := filepath.Join(hosttest.Root(), "..", "shared", "conformance", "asl")
	script := filepath.Join(folder, "replay.py")
	if _, err := os.Stat(script); err != nil {
		t.Skip("the recordings are not here")
	}
	out, errs, _, err := shared.Python(t.Context(), script, filepath.Join(folder, "examples.jsonl"), shared.API, "--class", "pure")
	passed := regexp.MustCompile(`(\d+) passed`).FindStringSubmatch(out)
	if err != nil || passed == nil {
		t.Fatalf("%v:\n%s%s", err, out, errs)
	}
	if n, _ := strconv.Atoi(passed[1]); n < want {
		t.Errorf("%d recordings passed, want %d:\n%s", n, want, out)
	}
}
