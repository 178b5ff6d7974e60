package jsonata

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

func mustParse(t testing.TB, text string) any {
	t.Helper()
	v, err := ParseJSON([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func eval(t testing.TB, e *Engine, expression, states string) (string, error) {
	t.Helper()
	s := e.Scope(Env{Now: time.UnixMilli(1_700_000_000_123), Seed: 7})
	defer s.Close()
	s.Bind("states", mustParse(t, states))
	v, ok, err := s.Eval(expression)
	if err != nil || !ok {
		return "undefined", err
	}
	return Text(v), nil
}

func TestEval(t *testing.T) {
	e := New(Config{})
	for _, c := range []struct{ expression, states, want string }{
		{`$states.input`, `{"input":{"z":1,"a":[1,2.50,"x"]}}`, `{"z":1,"a":[1,2.5,"x"]}`},
		{`$states.input.items.name`, `{"input":{"items":[{"name":"a"},{"name":"b"}]}}`, `["a","b"]`},
		{`$sum($states.input.n) + 1`, `{"input":{"n":[1,2,3]}}`, `7`},
		{`{"z": 1, "a": $states.input}`, `{"input":2}`, `{"z":1,"a":2}`},
		{`$partition([1,2,3,4,5], 2)`, `{}`, `[[1,2],[3,4],[5]]`},
		{`$range(0, 10, 3)`, `{}`, `[0,3,6,9]`},
		{`$range(3, 1, -1)`, `{}`, `[3,2,1]`},
		{`$range(1, 9, 9)`, `{}`, `1`},
		{`$hash("input data", "SHA-1")`, `{}`, `"aaff4a450a104cd177d28d18d74485e8cae074b7"`},
		{`$parse('{"b":[1],"a":null}')`, `{}`, `{"b":[1],"a":null}`},
		{`$random(5) = $random(5) and $random(5) != $random(6)`, `{}`, `true`},
		{`$now()`, `{}`, `"2023-11-14T22:13:20.123Z"`},
		{`$base64encode("hello:world") & $base64decode("aGk=")`, `{}`, `"aGVsbG86d29ybGQ=hi"`},
		{`$match($states.input, /a+/).match`, `{"input":"caat"}`, `"aa"`},
		{`$states.nothing`, `{}`, `undefined`},
		{`$states.constructor`, `{}`, `undefined`},
	} {
		if got, err := eval(t, e, c.expression, c.states); err != nil || got != c.want {
			t.Errorf("%s = %s, %v; want %s", c.expression, got, err, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	e := New(Config{Time: 3 * time.Second, Stack: 60, Output: 1000})
	for _, c := range []struct{ expression, code string }{
		{`$doesNotExist()`, "T1006"},
		{`1 + "a"`, "T2002"},
		{`$states.input.`, "S0207"},
		{`$eval("1")`, "T1006"},
		{`$sum`, CodeFunction},
		{`function($x){$x}`, CodeFunction},
		{`$hash("a", "CRC")`, "D3030"},
		{`$hash("a")`, "T0410"},
		{`$partition([1], 0)`, "D3030"},
		{`$range(1, 2000, 1)`, "D2014"},
		{`$parse("{")`, "D3030"},
		{`$error("no")`, "D3137"},
		{`$match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", /(?=a)(a+)+$/)`, CodeRegexp},
		{`($f := function($x){ 1 + $f($x) }; $f(1))`, CodeStack},
		{`($f := function($x){ $f($x) }; $f(1))`, CodeTimeout},
		{`$pad("", 2000)`, CodeTooLarge},
	} {
		_, err := eval(t, e, c.expression, `{"input":1}`)
		own, ok := errors.AsType[*Error](err)
		if !ok || own.Code != c.code || own.Message == "" {
			t.Errorf("%s: %v, want code %s", c.expression, err, c.code)
		}
	}
	if _, err := eval(t, e, `$states.input + 1`, `{"input":1e400}`); err == nil {
		t.Error("a number out of range was taken")
	}
	if got, err := eval(t, e, `1 + 1`, `{}`); got != "2" || err != nil {
		t.Errorf("after errors: %s %v", got, err)
	}
}

func TestCheck(t *testing.T) {
	e := New(Config{})
	for _, good := range []string{`$states.input`, `$map([1], function($v){$v})`, `"a" & 1`} {
		if err := e.Check(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	err := e.Check(`420. `)
	own, ok := errors.AsType[*Error](err)
	if !ok || own.Code == "" || own.Position == 0 {
		t.Errorf("%v", err)
	}
}

func TestBare(t *testing.T) {
	e := New(Config{})
	for expression, want := range map[string]string{
		`phone`: `[phone]`, `a.b & c[d=1].e`: `[a c]`, `$$`: `[$$]`, `$x.y`: `[]`, `$states.input[n > 1].(a + b)`: `[]`,
		`$map($x, function($v) { $v.a })`: `[]`, `{"k": v}`: `[v]`, `$x ~> $count()`: `[]`, `$x.items{name: $sum(price)}`: `[]`,
		`$x^(>price)`: `[]`, `$sum(prices)`: `[prices]`, `(($y := 1); [z, $y])`: `[z]`, `$x[a]`: `[]`,
	} {
		got, err := e.Bare(expression)
		if text := fmt.Sprint(got); err != nil || text != want {
			t.Errorf("%s: %s, %v; want %s", expression, text, err, want)
		}
	}
}

// A machine that was interrupted is not used again.
func TestInterruptedMachineIsDiscarded(t *testing.T) {
	e := New(Config{Time: time.Minute})
	s := e.Scope(Env{})
	defer s.Close()
	if _, _, err := s.Eval(`$now()`); err != nil {
		t.Fatal(err)
	}
	first := s.machine
	first.limit = 50 * time.Millisecond
	if _, _, err := s.Eval(`($f := function(){ $f() }; $f())`); err == nil || s.machine != nil || !first.broken {
		t.Fatalf("%v, machine %p, broken %t", err, s.machine, first.broken)
	}
	if _, _, err := s.Eval(`$now()`); err != nil || s.machine == first {
		t.Fatal("the interrupted machine was used again", err)
	}
}

func TestDeterminism(t *testing.T) {
	e := New(Config{})
	const expression = `[$random(), $uuid(), $shuffle([1,2,3,4,5,6]), $millis()]`
	run := func(seed uint64) string {
		s := e.Scope(Env{Now: time.UnixMilli(5), Seed: seed})
		defer s.Close()
		out := ""
		for range 2 {
			v, _, err := s.Eval(expression)
			if err != nil {
				t.Fatal(err)
			}
			out += Text(v)
		}
		return out
	}
	if a, b := run(1), run(1); a != b {
		t.Errorf("same seed: %s and %s", a, b)
	}
	if a, b := run(1), run(2); a == b {
		t.Errorf("different seeds: %s", a)
	}
}

func TestConcurrentUse(t *testing.T) {
	e := New(Config{Idle: 2})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 5 {
				got, err := eval(t, e, `$states.input * 2`, fmt.Sprintf(`{"input":%d}`, i*10+j))
				if want := fmt.Sprint(2 * (i*10 + j)); err != nil || got != want {
					t.Errorf("%s, %v; want %s", got, err, want)
				}
			}
		})
	}
	wg.Wait()
	if len(e.idle) > 2 {
		t.Errorf("%d machines are kept", len(e.idle))
	}
}

func TestHashAndJavaRandom(t *testing.T) {
	if Hash("a", "MD5") != "0cc175b9c0f1b6a831c399e269772661" || Hash("a", "SHA-512")[:8] != "1f40fc92" || Hash("a", "nope") != "" {
		t.Error("Hash")
	}
	r := NewJavaRandom(42) // the sequence every Java programmer has seen
	if a, b := r.IntN(10), r.IntN(10); a != 0 || b != 3 {
		t.Errorf("IntN: %d %d", a, b)
	}
	if f := NewJavaRandom(42).Float64(); f != 0.7275636800328681 {
		t.Errorf("Float64: %v", f)
	}
	id := UUID(rand.New(rand.NewPCG(1, 2)))
	if len(id) != 36 || id[14] != '4' || strings.IndexByte("89ab", id[19]) < 0 {
		t.Error(id)
	}
}
