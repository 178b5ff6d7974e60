package asl

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

// example is a scenario recorded on AWS.
type example struct {
	ID    string
	Class string
	Steps []struct {
		N      int
		Op     string
		Params map[string]json.RawMessage
	}
	Links      []struct{ Ref, Key string }
	Snapshot   map[string]json.RawMessage
	Executions []struct {
		Call              int
		Definition, Input string
		Result            *struct {
			Status        string
			Output        any
			Error, Cause  *string
			CauseIsObject bool `json:"-"`
		}
	}
}

// TestExamples runs the recorded scenarios that need no service and compares
// results, error causes and histories.
func TestExamples(t *testing.T) {
	engine := jsonata.New(jsonata.Config{})
	runs, passed := 0, 0
	for _, x := range readLines[example](t, "examples.jsonl") {
		if x.Class != "pure" {
			continue
		}
		for _, e := range x.Executions {
			if e.Result == nil {
				continue
			}
			runs++
			m, problems := Parse([]byte(e.Definition), engine)
			if m == nil {
				t.Errorf("%s: %v", x.ID, problems)
				continue
			}
			s := newSimulation(t, m)
			end := s.run(mustValue(t, e.Input))
			s.checkFold(true)
			diff := differ(resultOf(end), e.Result, "result")
			if events := x.history(e.Call); events != nil && diff == "" {
				diff = compareHistory(events, s.history)
			}
			if diff == "" {
				passed++
			} else {
				t.Errorf("%s: %s", x.ID, diff)
			}
		}
	}
	t.Logf("%d of %d recorded executions", passed, runs)
}

func resultOf(f *Finish) map[string]any {
	r := map[string]any{"Status": string(f.Status), "Output": nil, "Error": nil, "Cause": nil}
	if f.Output != nil {
		r["Output"] = f.Output.String()
	}
	if f.Error != nil {
		r["Error"] = *f.Error
	}
	if f.Cause != nil {
		r["Cause"] = *f.Cause
	}
	return r
}

// history finds what was recorded of the execution that a step started.
func (x *example) history(call int) []any {
	for _, st := range x.Steps {
		if st.Op != "get_execution_history" || !strings.Contains(string(st.Params["executionArn"]), fmt.Sprintf("${c%d.executionArn}", call)) {
			continue
		}
		for _, l := range x.Links {
			if raw, ok := x.Snapshot[l.Key]; ok && l.Ref == fmt.Sprintf("c%d", st.N) {
				var answer struct{ Events []any }
				if json.Unmarshal(raw, &answer) == nil {
					return answer.Events
				}
			}
		}
	}
	return nil
}

var (
	wild     = regexp.MustCompile(`<[^<>]*>`)
	wildWord = map[string]bool{"timestamp": true, "start-time": true, "entered-time": true, "snf_role_arn": true, "date": true, "RandomNumberGenerated": true}
)

// same compares what was recorded with what came, as far as it was recorded:
// placeholders stand for anything.
func same(want, got any) bool {
	if s, ok := want.(string); ok {
		if wildWord[s] {
			return true
		}
		if g, ok := got.(string); ok {
			if s == g {
				return true
			}
			pattern := "(?s)^" + strings.ReplaceAll(wild.ReplaceAllString(regexp.QuoteMeta(s), ".*"), "snf_role_arn", ".*") + "$"
			if wild.MatchString(s) && regexp.MustCompile(pattern).MatchString(g) {
				return true
			}
			var a, b any
			if json.Unmarshal([]byte(s), &a) == nil && json.Unmarshal([]byte(g), &b) == nil {
				return same(a, b)
			}
		}
		return false
	}
	if g, ok := got.(string); ok && want != nil {
		var v any
		if json.Unmarshal([]byte(g), &v) != nil {
			return false
		}
		got = v
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(w) != len(g) {
			return false
		}
		for k := range w {
			if v, ok := g[k]; !ok || !same(w[k], v) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(w) != len(g) {
			return false
		}
		for i := range w {
			if !same(w[i], g[i]) {
				return false
			}
		}
		return true
	}
	return want == got
}

func differ(got map[string]any, want any, at string) string {
	raw, err := json.Marshal(want)
	if err != nil {
		return err.Error()
	}
	var w map[string]any
	if err := json.Unmarshal(raw, &w); err != nil {
		return err.Error()
	}
	for k, v := range w {
		if !same(v, got[k]) {
			return fmt.Sprintf("%s.%s: want %v\n got %v", at, k, v, got[k])
		}
	}
	return ""
}

// wire is a history event as the API has it, as far as the recorded one tells.
func wire(e *HistoryEvent) map[string]any {
	out := map[string]any{"id": float64(e.ID), "previousEventId": float64(e.Previous), "type": e.Type}
	if e.Details == nil {
		return out
	}
	raw, _ := json.Marshal(e.Details)
	var d map[string]any
	_ = json.Unmarshal(raw, &d)
	if e.Details.Input != nil {
		d["input"] = e.Details.Input.String()
	}
	if e.Details.Output != nil {
		d["output"] = e.Details.Output.String()
	}
	if e.Details.AssignedVariables != nil {
		vars := map[string]any{}
		o := e.Details.AssignedVariables.V.(*Object)
		for i := range o.Len() {
			k, v := o.At(i)
			vars[k] = jsonata.Text(v)
		}
		d["assignedVariables"] = vars
	}
	out["details"] = d
	return out
}

// compareHistory compares kinds, details and, outside of parallel branches, ids.
func compareHistory(want []any, got []*HistoryEvent) string {
	// Where the recording leaves an event out whose place is not certain.
	if n := slices.IndexFunc(got, func(e *HistoryEvent) bool { return e.Type == "ParallelStateSucceeded" }); n >= 0 && len(want) == len(got)-1 {
		got = slices.Delete(slices.Clone(got), n, n+1)
	}
	if len(want) != len(got) {
		types := make([]string, len(got))
		for i, e := range got {
			types[i] = e.Type
		}
		return fmt.Sprintf("%d events, want %d: %v", len(got), len(want), types)
	}
	used := make([]bool, len(got))
	for i, w := range want {
		recorded := w.(map[string]any)
		ordered := true
		if _, ok := recorded["id"].([]any); ok {
			ordered = false
		}
		hit := false
		for j := range got {
			if used[j] || (ordered && j != i) {
				continue
			}
			if sameEvent(recorded, wire(got[j]), ordered) {
				used[j], hit = true, true
				break
			}
		}
		if !hit {
			return fmt.Sprintf("event %d: want %v\n got %v", i+1, recorded, wire(got[i]))
		}
	}
	return ""
}

func sameEvent(want, got map[string]any, ids bool) bool {
	if want["type"] != got["type"] {
		return false
	}
	if ids && (want["id"] != got["id"] || want["previousEventId"] != got["previousEventId"]) {
		return false
	}
	for k, v := range want {
		if !strings.HasSuffix(k, "EventDetails") {
			continue
		}
		w, g := v.(map[string]any), map[string]any{}
		if d, ok := got["details"].(map[string]any); ok {
			g = d
		}
		for field, value := range w {
			if strings.HasSuffix(field, "Details") {
				continue
			}
			have, ok := g[field]
			if !ok && (value == float64(0) || value == nil) {
				continue
			}
			if !ok || !same(value, have) {
				return false
			}
		}
	}
	return true
}
