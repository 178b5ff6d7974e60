package jsonata

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

const conformance = "../../../shared/conformance/jsonata"

type suiteCase struct {
	Expr            string
	Data            json.RawMessage
	Dataset         *string
	Bindings        map[string]json.RawMessage
	Result          json.RawMessage
	UndefinedResult bool
	Code            string
	Error           *struct{ Code, Message string }
	Unordered       bool
	TimeLimit       int
	Depth           int
	Group, Name     string
}

// caseTime is enough for all cases but those that measure speed.
const caseTime = 5 * time.Second

// The official suite, where it is at hand. Known to differ: Go has no lone
// surrogates, and cases about speed are slower in goja than in V8.
func TestConformance(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(conformance, "datasets.json"))
	if err != nil {
		t.Skip("the official suite is not here")
	}
	var datasets map[string]json.RawMessage
	if err = json.Unmarshal(raw, &datasets); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(conformance, "suite.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	engine := New(Config{Standard: true, Time: caseTime, Range: 1e7, Output: 1 << 30})
	limited := map[int]*Engine{}
	passed, total := 0, 0
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var c suiteCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Dataset != nil {
			c.Data = datasets[*c.Dataset]
		}
		e := engine
		if c.Depth > 0 {
			if limited[c.Depth] == nil {
				limited[c.Depth] = New(Config{Standard: true, Time: caseTime, Stack: c.Depth, Output: 1 << 30})
			}
			e = limited[c.Depth]
		}
		total++
		if why := runCase(e, c); why == "" {
			passed++
		} else {
			t.Logf("%s/%s: %s: %s", c.Group, c.Name, c.Expr, why)
		}
	}
	t.Logf("%d of %d cases", passed, total)
	if passed < 1671 {
		t.Errorf("only %d of %d cases of the official suite pass", passed, total)
	}
}

func runCase(e *Engine, c suiteCase) string {
	s := e.Scope(Env{Now: time.Unix(1_700_000_000, 0)})
	defer s.Close()
	if len(c.Data) > 0 {
		v, err := ParseJSON(c.Data)
		if err != nil {
			return err.Error()
		}
		s.Input(v)
	}
	for name, text := range c.Bindings {
		v, err := ParseJSON(text)
		if err != nil {
			return err.Error()
		}
		s.Bind(name, v)
	}
	got, ok, err := s.Eval(c.Expr)
	if c.Error != nil {
		c.Code = c.Error.Code
	}
	if c.Code == "U1001" {
		c.Code = CodeStack // what the suite's own harness calls it
	}
	if own, is := errors.AsType[*Error](err); is {
		if own.Code == CodeTimeout && c.Code == CodeStack {
			return "" // the suite means either
		}
		if c.Code == own.Code && (c.Error == nil || c.Error.Message == "" || c.Error.Message == own.Message) {
			return ""
		}
		return err.Error()
	}
	switch {
	case err != nil:
		return err.Error()
	case c.Code != "":
		return "want error " + c.Code + ", got " + Text(got)
	case c.UndefinedResult || !ok:
		if c.UndefinedResult != !ok {
			return "undefined is not " + Text(got) + string(c.Result)
		}
		return ""
	}
	want, err := ParseJSON(c.Result)
	if err != nil {
		return err.Error()
	}
	if c.Unordered {
		sortByText(want)
		sortByText(got)
	}
	if !Equal(got, want) {
		return "got " + Text(got) + ", want " + Text(want)
	}
	return ""
}

func sortByText(v any) {
	if a, ok := v.([]any); ok {
		slices.SortFunc(a, func(x, y any) int {
			if Text(x) < Text(y) {
				return -1
			}
			return 1
		})
	}
}
