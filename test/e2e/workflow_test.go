package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/ebb-faas/ebb/test/platform"
)

// TestWorkflows drives workflows with the SDK as it is.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	out, errs, code, err := shared.Python(t.Context(), "testdata/workflows.py", name(t))
	if err != nil || code != 0 {
		t.Errorf("exit %d, %v:\n%s%s", code, err, out, errs)
	}
}

// TestRecordedWorkflows replays what was recorded on AWS, where the recordings
// are at hand. Six of them cannot be compared: they hold random numbers, times,
// or leave events out.
func TestRecordedWorkflows(t *testing.T) {
	t.Parallel()
	const comparable = 129
	folder := filepath.Join(platform.Root(), "..", "shared", "conformance", "asl")
	script := filepath.Join(folder, "replay.py")
	if _, err := os.Stat(script); err != nil {
		t.Skip("the recordings are not here")
	}
	out, errs, _, err := shared.Python(t.Context(), script, filepath.Join(folder, "examples.jsonl"), shared.API, "--class", "pure")
	passed := regexp.MustCompile(`(\d+) passed`).FindStringSubmatch(out)
	if err != nil || passed == nil {
		t.Fatalf("%v:\n%s%s", err, out, errs)
	}
	if n, _ := strconv.Atoi(passed[1]); n < comparable {
		t.Errorf("%d recordings passed, want %d:\n%s", n, comparable, out)
	}
}
