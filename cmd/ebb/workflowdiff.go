package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/ebb-faas/ebb/internal/manifest"
)

// workflowChanges tells both sides of what deploy named.
func (d *deployment) workflowChanges(ctx context.Context, m *manifest.Manifest, r *deployed) (difference, error) {
	found := difference{Workflow: r.Workflow, Action: r.Action, Changes: []change{}}
	if r.Action == actionCreated {
		return found, nil
	}
	s, err := sourceIn(m, m.Workflow(r.Workflow))
	if err != nil {
		return found, err
	}
	want, err := d.wanted(s)
	if err != nil {
		return found, err
	}
	live, err := d.client.Workflows().DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &want.arn})
	if err != nil {
		return found, err
	}
	for _, key := range r.Changed {
		c := change{key, "as it is", "as ebb.yaml has it"}
		switch key {
		case "definition":
			c.Have, c.Want = firstDifference(aws.ToString(live.Definition), want.definition)
		case "role":
			c.Have, c.Want = aws.ToString(live.RoleArn), want.role
		case "logging":
			if l := live.LoggingConfiguration; l != nil {
				c.Have = string(l.Level)
			}
			c.Want = s.Logging.Level
		}
		found.Changes = append(found.Changes, c)
	}
	return found, nil
}

// firstDifference shows the first line in which two texts differ.
func firstDifference(have, want string) (string, string) {
	a, b := strings.Split(have, "\n"), strings.Split(want, "\n")
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	side := func(lines []string) string {
		if n >= len(lines) {
			return "its end"
		}
		return strings.TrimSpace(lines[n])
	}
	return fmt.Sprintf("line %d: %s", n+1, side(a)), side(b)
}
