package jsonata

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWhatIsFast(t *testing.T) {
	for _, fast := range []string{`$states.input`, ` $states . input.x `, `"a" & $x & 'b'`, `12`, `$x.y != "z"`, `true`, `null`, `$states.input.n>=10`} {
		if compileFast(fast) == nil {
			t.Errorf("%s is not compiled", fast)
		}
	}
	for _, slow := range []string{``, `$`, `$$`, `$x[0]`, `$x.y()`, `a.b`, `"\n"`, `007`, `1.5`, `-1`, `$x + 1`, `$x.`, `$x.true`, `$x = 1 = 2`, `$é`, `$x.é`, `$x.1`, `"a`, `1a`, "$x.`y`"} {
		if compileFast(slow) != nil {
			t.Errorf("%s is compiled", slow)
		}
	}
}

func sampleJSON() *rapid.Generator[any] {
	key := rapid.SampledFrom([]string{"a", "b", "input", "10", "9", "-1", "007", "é", "length", "sequence"})
	scalar := rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.SampledFrom([]string{"", "a", "b", "é", "😀", "\n", "10"}), func(s string) any { return s }),
		rapid.Map(rapid.SampledFrom([]Number{"0", "-0", "1", "1.0", "10", "1e3", "0.1", "-7.25", "1e-7", "1e21", "123456789012345678", "0.30000000000000004"}), func(n Number) any { return n }),
	)
	object := rapid.Map(rapid.MapOfN(key, rapid.Deferred(sampleJSON), 0, 4), func(m map[string]any) any {
		o := NewObject(len(m))
		for _, k := range []string{"é", "a", "10", "b", "9", "input", "-1", "007", "length", "sequence"} {
			if v, ok := m[k]; ok {
				o.Set(k, v)
			}
		}
		return o
	})
	array := rapid.Map(rapid.SliceOfN(rapid.Deferred(sampleJSON), 0, 3), func(a []any) any {
		return append([]any{}, a...)
	})
	return rapid.OneOf(scalar, scalar, object, object, array)
}

func sampleExpression(t *rapid.T) string {
	operand := func(label string) string {
		return rapid.OneOf(
			rapid.SampledFrom([]string{`"a"`, `'b'`, `""`, `1`, `10`, `0`, `true`, `false`, `null`, `$now`, `$absent`}),
			rapid.Custom(func(t *rapid.T) string {
				steps := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "input", "length", "sequence", "absent"}), 0, 3).Draw(t, "steps")
				return strings.Join(append([]string{rapid.SampledFrom([]string{"$x", "$y", "$states"}).Draw(t, "variable")}, steps...), ".")
			})).Draw(t, label)
	}
	chain := func(label string) string {
		n := rapid.IntRange(1, 3).Draw(t, label+" length")
		parts := make([]string, n)
		for i := range parts {
			parts[i] = operand(label)
		}
		return strings.Join(parts, " & ")
	}
	if rapid.Bool().Draw(t, "compare") {
		op := rapid.SampledFrom([]string{"=", "!=", "<", "<=", ">", ">="}).Draw(t, "op")
		return chain("left") + op + chain("right")
	}
	return chain("chain")
}

// Whatever the fast path answers, the library answers too.
func TestFastPathIsEqual(t *testing.T) {
	fast, slow := New(Config{}), New(Config{NoFast: true})
	answered := 0
	rapid.Check(t, func(t *rapid.T) {
		a, b := fast.Scope(Env{}), slow.Scope(Env{})
		defer a.Close()
		defer b.Close()
		for _, name := range []string{"x", "y", "states"} {
			v := sampleJSON().Draw(t, name)
			a.Bind(name, v)
			b.Bind(name, v)
		}
		for range 5 {
			expression := sampleExpression(t)
			root := fast.plan(expression).root
			if root == nil {
				t.Fatalf("%s is not on the fast path", expression)
			}
			o := root.eval(a)
			if o.kind == unknown {
				continue
			}
			answered++
			want, ok, err := b.Eval(expression)
			if err != nil || ok != (o.kind == defined) || ok && Text(want) != Text(o.value) {
				t.Fatalf("%s: fast %v %s; library %t %s %v", expression, o.kind, Text(o.value), ok, Text(want), err)
			}
		}
	})
	if answered < 10 {
		t.Errorf("the fast path answered only %d times", answered)
	}
}

func BenchmarkEval(b *testing.B) {
	for _, c := range []struct {
		name   string
		config Config
	}{{"fast", Config{}}, {"library", Config{NoFast: true}}} {
		b.Run(c.name, func(b *testing.B) {
			e := New(c.config)
			v := mustParse(b, `{"input":{"name":"x","items":[1,2,3]}}`)
			b.ReportAllocs()
			for b.Loop() {
				s := e.Scope(Env{})
				s.Bind("states", v)
				if _, _, err := s.Eval(`$states.input.name & "-1"`); err != nil {
					b.Fatal(err)
				}
				s.Close()
			}
		})
	}
}
