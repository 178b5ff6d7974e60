package pattern

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const conformance = "../../../shared/conformance/event-patterns"

// comment and trailing are what the conformance data has beyond JSON.
var (
	comment  = regexp.MustCompile(`("(?:[^"\\]|\\.)*")|//[^\n]*`)
	trailing = regexp.MustCompile(`("(?:[^"\\]|\\.)*")|,(\s*[}\]])`)
)

// TestConformance runs recorded pairs of pattern and event, where they are at
// hand.
func TestConformance(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(conformance, "patterns.jsonl"))
	if err != nil {
		t.Skip("the conformance data is not here")
	}
	cases := 0
	for line := range strings.Lines(string(text)) {
		var c struct{ Name, Expect, JSON5 string }
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		plain := trailing.ReplaceAllString(comment.ReplaceAllString(c.JSON5, "$1"), "$1$2")
		var pair struct{ Event, EventPattern json.RawMessage }
		if err := json.Unmarshal([]byte(plain), &pair); err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if pair.EventPattern == nil { // one case lies in two files: half a pair says nothing
			continue
		}
		cases++
		got := "error"
		p, err := Compile(pair.EventPattern)
		if err == nil {
			if got = "no-match"; must(p.Match(pair.Event))(t) {
				got = "match"
			}
		}
		if got != c.Expect {
			t.Errorf("%s: %s (%v), want %s", c.Name, got, err, c.Expect)
		}
	}
	if cases < 150 {
		t.Errorf("only %d pairs were read", cases)
	}
}

func must(matched bool, err error) func(*testing.T) bool {
	return func(t *testing.T) bool {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return matched
	}
}
