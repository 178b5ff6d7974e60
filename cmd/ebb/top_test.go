package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	client "github.com/ebb-faas/ebb/sdk/go"
)

func TestTopRows(t *testing.T) {
	before := &client.Instances{
		Instances: []client.Instance{
			{ID: "a", Function: "f", Version: "$LATEST", Runtime: "python3", CPU: 1, Memory: 5},
			{ID: "gone", Function: "f", Version: "$LATEST", CPU: 9},
		},
		Calls: []client.Calls{
			{Function: "f", Version: "$LATEST", OK: 10}, {Function: "quiet", Version: "1", OK: 7},
			{Function: "again", Version: "1", OK: 70},
		},
	}
	now := &client.Instances{
		Instances: []client.Instance{
			{ID: "a", Function: "f", Version: "$LATEST", Runtime: "python3", State: "busy", CPU: 2, Memory: 7},
			{ID: "b", Function: "f", Version: "$LATEST", Runtime: "python3", State: "idle", CPU: 1, Memory: 3},
			{ID: "s", Function: "f", Version: "$LATEST", Runtime: "python3", State: "starting"},
			{ID: "e", Function: "f", Version: "$LATEST", Runtime: "python3", State: "stopping"},
			{ID: "c", Function: "g", Version: "1", Runtime: "nodejs", State: "frozen", CPU: 0.5, Memory: 1, Provisioned: true},
		},
		Calls: []client.Calls{
			{Function: "f", Version: "$LATEST", OK: 30, Failed: 4}, {Function: "g", Version: "1", OK: 80},
			{Function: "quiet", Version: "1", OK: 7}, {Function: "again", Version: "1", OK: 6}, // ebb has started again
			{Function: "stopped", Version: "$LATEST", Throttled: 200},
		},
	}
	want := []topRow{
		{Function: "stopped", Version: "$LATEST", Throttles: 100}, // without an instance
		{Function: "g", Version: "1", Runtime: "nodejs", Instances: 1, Frozen: 1, Provisioned: 1, Invocations: 40, CPU: 0.25, Memory: 1},
		{Function: "f", Version: "$LATEST", Runtime: "python3", Instances: 4, Starting: 1, Busy: 1, Idle: 1, Stopping: 1,
			Invocations: 12, Failures: 2, CPU: 1, Memory: 10},
		{Function: "again", Version: "1", Invocations: 3},
	}
	if d := cmp.Diff(want, topRows(before, now, 2*time.Second)); d != "" {
		t.Error(d)
	}
}

// A thousand functions on terminals of all sizes: the busiest are shown, in whole
// columns, and nothing beyond the edge.
func TestTopTable(t *testing.T) {
	var all []topRow
	for i := range 1000 {
		all = append(all, topRow{Service: "000000000000", Function: fmt.Sprintf("function-%d", i), Version: "$LATEST", Runtime: "python3", Memory: 12 << 20})
	}
	head, rows := topCells(all)
	for _, size := range [][2]int{{80, 24}, {200, 60}, {40, 5}, {10, 2}, {1, 1}} {
		text := topTable(head, rows, size[0], size[1])
		if w, h := widest(text), strings.Count(text, "\n"); w > size[0] && size[0] >= 12 || h > max(size[1], 3) {
			t.Errorf("%v: %d x %d", size, w, h)
		}
		if size[0] >= 40 && (!strings.Contains(text, "function-0 ") || !strings.Contains(text, "and ")) {
			t.Errorf("%v: %s", size, text)
		}
		if strings.Contains(text, "MEMORY") && !strings.Contains(text, "12.0 MiB") {
			t.Errorf("%v: a column is cut: %s", size, text)
		}
	}
	if text := topTable(head, rows, 0, 0); strings.Count(text, "\n") != 1001 || !strings.Contains(text, "RUNTIME") {
		t.Error("a pipe does not get all")
	}
	if text := topTable(head, nil, 80, 24); text != "No function has an instance, and none was invoked.\n" {
		t.Errorf("%q", text)
	}
	all[7].Service = "111111111111"
	if head, rows = topCells(all); head[0] != "SERVICE" || rows[7][0] != "111111111111" {
		t.Errorf("two services: %v", head)
	}
}
