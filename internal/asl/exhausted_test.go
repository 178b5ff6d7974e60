package asl

import (
	"strings"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

// An expression that runs out of time fails the state like any other error, and
// a replay finds the same failure without waiting for it.
func TestExhausted(t *testing.T) {
	m, problems := Parse([]byte(`{"QueryLanguage": "JSONata", "StartAt": "A", "States": {
		"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"ok": "{% 1 + 1 %}", "bad": "{% ($f := function(){ $f() }; $f()) %}"},
			"Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "B"}], "End": true},
		"B": {"Type": "Pass", "Output": "{% ($f := function(){ $f() }; $f()) %}", "End": true}}}`), jsonata.New(jsonata.Config{Time: 300 * time.Millisecond}))
	if m == nil {
		t.Fatal(problems)
	}
	s := newSimulation(t, m)
	end := s.run(mustValue(t, `{}`))
	if end.Status != Failed || *end.Error != ErrQueryEvaluation || !strings.Contains(*end.Cause, "state 'B'") || !strings.Contains(*end.Cause, "D1012: Evaluation timeout") {
		t.Fatal(end)
	}
	if n := len(s.steps[0].Env.Exhausted); n != 2 {
		t.Errorf("%v", s.steps[0].Env.Exhausted)
	}
	began := time.Now()
	s.checkFold(true)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the replay took %v", took)
	}
}
