package statesapi

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/awswire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every operation of the model is served, and named in the documentation.
func TestEveryOperation(t *testing.T) {
	page, err := os.ReadFile("../../docs/workflows.md")
	if err != nil {
		t.Fatal(err)
	}
	tables, known := service(), handlers()
	if _, err := awswire.Compile(tables); err != nil {
		t.Fatal(err)
	}
	for _, op := range tables.Operations {
		if known[op.Name] == nil {
			t.Errorf("%s is not served", op.Name)
		}
		if !strings.Contains(string(page), "| "+op.Name+" |") {
			t.Errorf("docs/workflows.md does not name %s", op.Name)
		}
	}
	if len(known) != len(tables.Operations) {
		t.Errorf("%d handlers for %d operations", len(known), len(tables.Operations))
	}
}

// Each kind of history event has its details where the API has them.
func TestHistoryEvent(t *testing.T) {
	input, cause := asl.Value{V: "x"}, "c"
	n := 3
	for _, c := range []struct {
		kind    string
		details *asl.Details
		data    bool
		check   func(HistoryEvent) bool
	}{
		{"TaskStateEntered", &asl.Details{Name: "S", Input: &input}, true, func(e HistoryEvent) bool {
			d := e.StateEnteredEventDetails
			return *d.Name == "S" && *d.Input == `"x"` && !*d.InputDetails.Truncated
		}},
		{"PassStateExited", &asl.Details{Name: "S", Output: &input}, false, func(e HistoryEvent) bool {
			return e.StateExitedEventDetails.Output == nil && e.StateExitedEventDetails.OutputDetails != nil
		}},
		{"MapStateStarted", &asl.Details{Length: &n}, true, func(e HistoryEvent) bool { return *e.MapStateStartedEventDetails.Length == 3 }},
		{"ExecutionFailed", &asl.Details{Cause: &cause}, true, func(e HistoryEvent) bool {
			return *e.ExecutionFailedEventDetails.Cause == "c" && e.ExecutionFailedEventDetails.Error == nil
		}},
		{"ExecutionFailed", &asl.Details{}, true, func(e HistoryEvent) bool { return e.ExecutionFailedEventDetails != nil }},
		{"TaskScheduled", &asl.Details{RoleARN: "r"}, true, func(e HistoryEvent) bool { return *e.TaskScheduledEventDetails.TaskCredentials.RoleArn == "r" }},
		{"LambdaFunctionScheduled", &asl.Details{Resource: "f"}, true, func(e HistoryEvent) bool { return e.LambdaFunctionScheduledEventDetails.TaskCredentials == nil }},
		{"MapStateSucceeded", nil, true, func(e HistoryEvent) bool { return *e.Type == "MapStateSucceeded" }},
		{"ActivityScheduled", &asl.Details{Resource: "r", TimeoutInSeconds: 5}, true, func(e HistoryEvent) bool {
			return *e.ActivityScheduledEventDetails.TimeoutInSeconds == 5 && e.ActivityScheduledEventDetails.HeartbeatInSeconds == nil
		}},
	} {
		if e := historyEvent(&asl.HistoryEvent{ID: 1, Type: c.kind, Details: c.details}, c.data); !c.check(e) {
			t.Errorf("%s: %+v", c.kind, e)
		}
	}
}

func TestTokensBelongToTheirOperation(t *testing.T) {
	a, b := &call{op: "ListExecutions"}, &call{op: "ListMapRuns"}
	token := a.token(true, place{Name: "n", Number: 7})
	if p, err := a.place(token); err != nil || p.Name != "n" || p.Number != 7 {
		t.Error(p, err)
	}
	bad := "x"
	for _, err := range []error{second(b.place(token)), second(a.place(&bad))} {
		if err == nil || !strings.HasPrefix(err.Error(), "InvalidToken") {
			t.Error(err)
		}
	}
	if a.token(false, place{}) != nil {
		t.Error("a token where there is no more")
	}
}

func second(_ place, err error) error { return err }
