package asl

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

const conformance = "../../../shared/conformance/asl"

type definitionCase struct {
	Name       string
	Valid      bool
	Definition json.RawMessage
}

// readLines reads a file of JSON lines of the conformance data, where it is at
// hand.
func readLines[T any](t *testing.T, name string) []T {
	t.Helper()
	f, err := os.Open(filepath.Join(conformance, name))
	if err != nil {
		t.Skip("the conformance data is not here")
	}
	defer f.Close()
	var all []T
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func TestClassifyDefinitions(t *testing.T) {
	engine := jsonata.New(jsonata.Config{})
	for _, c := range readLines[definitionCase](t, "definitions.jsonl") {
		m, problems := Parse(c.Definition, engine)
		if (m != nil) != c.Valid {
			t.Errorf("%s: valid=%t, want %t: %v", c.Name, m != nil, c.Valid, problems)
		}
	}
}

// lintValid are the machines of statelint.jsonl without a mistake; the names of
// the others tell theirs.
var lintValid = strings.Fields(`
backoff-with-backoffrate-decimal backoff-with-backoffrate-integer backoff-with-jitter-on-retry
choice-nested-comment choice-rule-with-comment choice-with-context-object
fail-with-error-and-cause-path-using-intrinsic-functions fail-with-error-and-cause-path
map-with-itemprocessor map-with-itemspath-context-object map-with-parameters map-with-resultselector
minimal-fail-state parallel-with-parameters parallel-with-resultpath parallel-with-resultselector
pass-with-io-path-context-object pass-with-null-inputpath pass-with-null-outputpath pass-with-parameters pass-with-resultpath
states-array-intrinsic-functions states-array-invocation states-encoding-decoding-intrinsic-functions
states-format-invocation states-hash-intrinsic-functions states-json-intrinsic-functions states-jsontostring-invocation
states-math-intrinsic-functions states-string-intrinsic-functions states-stringtojson-invocation states-uuid-intrinsic-functions
succeed-with-comment-in-catcher task-with-credentials task-with-dynamic-timeouts task-with-parameters task-with-resultpath task-with-resultselector
`)

func TestClassifyLint(t *testing.T) {
	engine := jsonata.New(jsonata.Config{})
	good := make(map[string]bool)
	for _, name := range lintValid {
		good[name] = true
	}
	for _, c := range readLines[definitionCase](t, "statelint.jsonl") {
		name := strings.TrimSuffix(filepath.Base(c.Name), ".json")
		m, problems := Parse(c.Definition, engine)
		if (m != nil) != good[name] {
			t.Errorf("%s: valid=%t, want %t: %v\n%s", name, m != nil, good[name], problems, c.Definition)
		}
	}
}
