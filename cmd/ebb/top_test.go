package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	client "github.com/ebb-faas/ebb/sdk/go"
)

func TestTopRows(t *testing.T) {
	before := &client.Instances{Instances: []client.Instance{
		{ID: "a", Function: "f", Version: "$LATEST", Runtime: "python3", Invocations: 10, CPU: 1, Memory: 5},
		{ID: "gone", Function: "f", Version: "$LATEST", Invocations: 100, CPU: 9},
	}}
	now := &client.Instances{Instances: []client.Instance{
		{ID: "a", Function: "f", Version: "$LATEST", Runtime: "python3", State: "busy", Invocations: 30, CPU: 2, Memory: 7},
		{ID: "b", Function: "f", Version: "$LATEST", Runtime: "python3", State: "idle", Invocations: 4, CPU: 1, Memory: 3},
		{ID: "c", Function: "g", Version: "1", Runtime: "nodejs", State: "busy", Invocations: 80, CPU: 0.5, Memory: 1},
	}}
	want := []topRow{
		{Function: "g", Version: "1", Runtime: "nodejs", Instances: 1, Busy: 1, Invocations: 40, CPU: 0.25, Memory: 1},
		{Function: "f", Version: "$LATEST", Runtime: "python3", Instances: 2, Busy: 1, Invocations: 12, CPU: 1, Memory: 10},
	}
	if d := cmp.Diff(want, topRows(before, now, 2*time.Second)); d != "" {
		t.Error(d)
	}
}
