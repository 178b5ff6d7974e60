package rehearse

import (
	"fmt"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
)

// Trial is one state to be tried on its own.
type Trial struct {
	Machine   *asl.Machine
	Name      string // of the state machine
	State     string
	Input     asl.Value
	Variables *asl.Value
	Context   *asl.Value
	Retries   int64
	Mock      *Mock // nil: the state must not make a call
}

// Run tries the state, as TestState does. What it calls is left out of the result
// when it calls nothing.
func (t *Trial) Run() (asl.Tried, *Call, error) {
	a := &actor{name: t.Name, now: time.Unix(epoch, 0).UTC()}
	trial := asl.Trial{State: t.State, Execution: *a.execution(nil), Input: t.Input, Variables: t.Variables, Context: t.Context, Retries: t.Retries}
	if t.Mock != nil && t.Mock.Items != nil {
		trial.Items = t.Mock.Items
	}
	attempt, ok := t.Machine.Try(trial, asl.Env{Now: a.now, Seed: 1})
	if !ok {
		return asl.Tried{}, nil, fmt.Errorf("there is no state %q", t.State)
	}
	var call *Call
	if task := attempt.Task(); task != nil {
		call = &Call{task.State, task.Parameters}
	}
	if attempt.Waits() {
		switch m := t.Mock; {
		case m == nil:
			return asl.Tried{}, call, fmt.Errorf("state %q makes a call, and has no mock", t.State)
		case m.Error != "":
			attempt.Fail(&m.Error, &m.Cause)
		default:
			attempt.Succeed(*m.output())
		}
	}
	return attempt.Result(), call, nil
}
