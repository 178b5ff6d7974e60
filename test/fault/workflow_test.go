package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/ebb-faas/ebb/test/platform"
)

// The workflow of the test: tasks one after the other and side by side, a wait,
// a choice.
const killed = `{"StartAt": "A", "States": {
	"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "step", "Payload.$": "$"}, "OutputPath": "$.Payload", "Next": "W"},
	"W": {"Type": "Wait", "Seconds": 1, "Next": "M"},
	"M": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "step", "Payload.$": "$"}, "OutputPath": "$.Payload", "End": true}}}, "ResultPath": "$.items", "Next": "C"},
	"C": {"Type": "Choice", "Choices": [{"Variable": "$.items[2]", "NumericEquals": 3, "Next": "D"}], "Default": "N"},
	"D": {"Type": "Succeed"}, "N": {"Type": "Fail"}}}`

// TestKillWhileWorkflowsRun: whenever ebb is killed, executions end as if nothing
// had happened, and no task was scheduled twice.
func TestKillWhileWorkflowsRun(t *testing.T) {
	const executions, kills = 200, 6
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	data := place(t)
	p, err := platform.Start(t.Context(), platform.Config{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	create(t, p, python("step", "def handler(event, context):\n    return event\n"))
	invoke(t, p, "step", "{}")
	machine, err := p.Client.Workflows().CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
		Name: aws.String("killed"), RoleArn: aws.String(platform.Role), Definition: aws.String(killed)})
	if err != nil {
		t.Fatal(err)
	}
	var arns []string
	for i := range executions {
		out, err := p.Client.Workflows().StartExecution(t.Context(), &sfn.StartExecutionInput{
			StateMachineArn: machine.StateMachineArn, Name: aws.String(fmt.Sprint("e", i)), Input: aws.String(fmt.Sprintf(`{"n": %d, "items": [1, 2, 3]}`, i))})
		if err != nil {
			t.Fatal(err)
		}
		arns = append(arns, *out.ExecutionArn)
	}
	for range kills {
		<-time.After(time.Duration(50+random.IntN(600)) * time.Millisecond) // somewhere within the work
		kill(t, p)
		if p, err = platform.Start(t.Context(), platform.Config{Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	kill(t, p)
	p = start(t, data)
	for i, arn := range arns {
		want := fmt.Sprintf(`{"n":%d,"items":[1,2,3]}`, i)
		if err := checkWorkflow(t.Context(), p, arn, want); err != nil {
			t.Errorf("%s: %v", arn, err)
		}
	}
}

// checkWorkflow waits for the end of an execution and looks at what it says of
// itself.
func checkWorkflow(ctx context.Context, p *platform.Platform, arn, want string) error {
	api := p.Client.Workflows()
	err := platform.Poll(ctx, limit, func() error {
		x, err := api.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		if err == nil && x.Status == types.ExecutionStatusRunning {
			err = fmt.Errorf("it runs")
		}
		return err
	})
	if err != nil {
		return err
	}
	h, err := api.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, MaxResults: 1000})
	if err != nil {
		return err
	}
	count := make(map[types.HistoryEventType]int)
	for i, e := range h.Events {
		count[e.Type]++
		if e.Id != int64(i+1) || e.PreviousEventId >= e.Id {
			return fmt.Errorf("event %d has id %d after %d", i+1, e.Id, e.PreviousEventId)
		}
	}
	last := h.Events[len(h.Events)-1]
	var got, expected any
	if last.ExecutionSucceededEventDetails == nil || json.Unmarshal([]byte(*last.ExecutionSucceededEventDetails.Output), &got) != nil ||
		json.Unmarshal([]byte(want), &expected) != nil || fmt.Sprint(got) != fmt.Sprint(expected) {
		return fmt.Errorf("it ended with %s %v, want %s", last.Type, got, want)
	}
	if count[types.HistoryEventTypeTaskScheduled] != 4 || count[types.HistoryEventTypeTaskStarted] != 4 || count[types.HistoryEventTypeTaskSucceeded] != 4 {
		return fmt.Errorf("tasks: %v", count)
	}
	return nil
}
