package pattern

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// TestMatch runs testdata/match.txt: a pattern to a line, below it indented
// events, each after "+" (matches) or "-" (does not).
func TestMatch(t *testing.T) {
	f, err := os.Open("testdata/match.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var p *Pattern
	cases := 0
	for lines, n := bufio.NewScanner(f), 1; lines.Scan(); n++ {
		line := strings.TrimRight(lines.Text(), " ")
		switch {
		case line == "" || line[0] == '#':
		case line[0] != ' ':
			if p, err = Compile([]byte(line)); err != nil {
				t.Fatalf("line %d: %v", n, err)
			}
		default:
			want, event, _ := strings.Cut(strings.TrimSpace(line), " ")
			got, err := p.Match([]byte(event))
			if err != nil || got != (want == "+") {
				t.Errorf("line %d: %v, %v, want %s", n, got, err, want)
			}
			cases++
		}
	}
	if cases < 130 {
		t.Errorf("only %d cases were read", cases)
	}
}

func TestCompileRefuses(t *testing.T) {
	for pattern, says := range map[string]string{
		`[]`:                                           "the pattern is not an object",
		`{}`:                                           "the pattern is an empty object",
		`{"a":{}}`:                                     "a is an empty object",
		`{"a":[]}`:                                     "a is an empty array",
		`{"a":42}`:                                     "a must be an object or an array",
		`{"a":{"b":"c"}}`:                              "a.b must be",
		`{"a":[["b"]]}`:                                "a has an array in its array",
		`{"a":[{"prefix":"x","suffix":"y"}]}`:          "a has an operator of 2 keys",
		`{"a":[{"PREFIX":"x"}]}`:                       "a.PREFIX is no operator",
		`{"a":[{"prefix":1}]}`:                         "a.prefix must be a string",
		`{"a":[{"suffix":["x"]}]}`:                     "a.suffix must be a string",
		`{"a":[{"equals-ignore-case":["x"]}]}`:         "a.equals-ignore-case must be",
		`{"a":[{"exists":1}]}`:                         "a.exists must be true or false",
		`{"a":[{"cidr":"bad"}]}`:                       "a.cidr is not ADDRESS/BITS",
		`{"a":[{"cidr":["10.0.0.0/8"]}]}`:              "a.cidr must be a string",
		`{"a":[{"numeric":10}]}`:                       "a.numeric must be",
		`{"a":[{"numeric":[">",0,"<"]}]}`:              "a.numeric must be",
		`{"a":[{"numeric":[">",0,">",0]}]}`:            "a.numeric must be one bound",
		`{"a":[{"numeric":["=",0,"<",1]}]}`:            "a.numeric must be one bound",
		`{"a":[{"numeric":[">",5,"<",5]}]}`:            "a lower bound that is not below",
		`{"a":[{"numeric":["<",1,">",5]}]}`:            "a lower bound that is not below",
		`{"a":[{"numeric":["!=",5]}]}`:                 `a.numeric has the operator "!="`,
		`{"a":[{"wildcard":"x**"}]}`:                   "a.wildcard has **",
		`{"a":[{"wildcard":"*:*:*:*:*:x*"}]}`:          "a.wildcard is too complex",
		`{"a":[{"wildcard":"\\x"}]}`:                   `a.wildcard has a \`,
		`{"a":[{"anything-but":null}]}`:                "a.anything-but must be",
		`{"a":[{"anything-but":[]}]}`:                  "a.anything-but must be",
		`{"a":[{"anything-but":["x",1]}]}`:             "a.anything-but must be",
		`{"a":[{"anything-but":{"prefix":""}}]}`:       "a.anything-but.prefix must be",
		`{"a":[{"anything-but":{"prefix":["x",1]}}]}`:  "a.anything-but.prefix must be",
		`{"a":[{"anything-but":{"numeric":["=",1]}}]}`: "a.anything-but takes one of",
		`{"a":[{"anything-but":{}}]}`:                  "a.anything-but is empty",
		`{"$or":[{"a":["x"]},{}]}`:                     "the pattern is an empty object",
		`{"a":["x"]} {}`:                               "not JSON: something follows",
		`{"a":`:                                        "not JSON",
	} {
		_, err := Compile([]byte(pattern))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", pattern, err, says)
		}
	}
	deep := strings.Repeat(`{"a":`, MaxDepth+1) + `["x"]` + strings.Repeat("}", MaxDepth+1)
	if _, err := Compile([]byte(deep)); err == nil || !strings.Contains(err.Error(), "levels deep") {
		t.Errorf("a deep pattern: %v", err)
	}
	if _, err := Compile([]byte(`{"a":[` + strings.Repeat("1,", MaxValues) + `1]}`)); err == nil {
		t.Error("a wide pattern is compiled")
	}
}

func TestMatchRefuses(t *testing.T) {
	p, err := Compile([]byte(`{"a":[{"exists":false}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{`"text"`, `[]`, `1`, `null`} {
		if got, err := p.Match([]byte(event)); got || err != nil {
			t.Errorf("%s: %v, %v", event, got, err)
		}
	}
	if _, err := p.Match([]byte("not JSON")); err == nil {
		t.Error("an event that is no JSON")
	}
}

// TestWildcard: the matcher agrees with one that tries everything.
func TestWildcard(t *testing.T) {
	var slow func(s, w string) bool
	slow = func(s, w string) bool {
		if w == "" {
			return s == ""
		}
		if w[0] == '*' {
			for i := 0; i <= len(s); i++ {
				if slow(s[i:], w[1:]) {
					return true
				}
			}
			return false
		}
		return s != "" && s[0] == w[0] && slow(s[1:], w[1:])
	}
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.StringMatching(`[ab]{0,3}(\*[ab]{1,2}){0,3}\*?`).Draw(t, "wildcard")
		s := rapid.StringMatching(`[ab]{0,12}`).Draw(t, "text")
		quoted, _ := json.Marshal(w)
		p, err := Compile([]byte(`{"a":[{"wildcard":` + string(quoted) + `}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := p.Match([]byte(`{"a":"` + s + `"}`)); got != slow(s, w) {
			t.Fatalf("%q in %q: %v", w, s, got)
		}
	})
}

// FuzzPattern: nothing that anybody writes does harm.
func FuzzPattern(f *testing.F) {
	f.Add(`{"a":[{"numeric":[">",0]}],"$or":[{"b":["x"]},{"c.d":[{"exists":false}]}]}`, `{"a":1,"c":{"d":[1,{"e":2}]}}`)
	f.Add(`{"a":[1e400]}`, `{"a":1e400}`)
	f.Add(`{"a":[{"anything-but":{"wildcard":"*x*"}}]}`, `{"a":["x",null,{"b":[]}]}`)
	f.Fuzz(func(t *testing.T, pattern, event string) {
		p, err := Compile([]byte(pattern))
		if err != nil {
			if bad, ok := errors.AsType[*Error](err); ok && utf8.ValidString(pattern) && bad.Reason == "" {
				t.Errorf("no reason: %v", err)
			}
			return
		}
		_, _ = p.Match([]byte(event)) // an event that is no JSON is refused, nothing worse
	})
}

func BenchmarkMatch(b *testing.B) {
	p, err := Compile([]byte(`{"value":{"amount":[{"numeric":[">",100]}],"state":["open",{"prefix":"re"}]}}`))
	if err != nil {
		b.Fatal(err)
	}
	event := []byte(`{"key":"17","value":{"amount":250.5,"state":"reopened","customer":{"id":17,"name":"n"}}}`)
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := p.Match(event); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
