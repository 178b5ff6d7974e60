package jsonata

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParseJSON(t *testing.T) {
	for text, want := range map[string]string{
		` {"b" : 1.0 , "a":[ ],"b":2}`:    `{"b":2,"a":[]}`,
		`"\u00e9\ud83d\ude00\ud800x\/\n"`: "\"é😀\uFFFDx/\\n\"",
		"\"\xff\"":                        "\"\uFFFD\"",
		`-0.5e+3`:                         `-0.5e+3`,
		`[null,true,false,{}]`:            `[null,true,false,{}]`,
	} {
		if got := Text(mustParse(t, text)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	deep := strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1)
	for _, bad := range []string{``, `{`, `[1,]`, `{"a":1,}`, `{a:1}`, `01`, `1.`, `-`, `"a`, `"\x"`, `"\u12"`, "\"\n\"", `1 2`, `nul`, `+1`, deep} {
		if v, err := ParseJSON([]byte(bad)); err == nil {
			t.Errorf("%q: %v", bad, v)
		}
	}
}

func TestObject(t *testing.T) {
	o := NewObject(0)
	for i := range 40 {
		o.Set(strings.Repeat("k", i+1), Number("1"))
	}
	o.Set("kk", "two")
	if v, ok := o.Get("kk"); v != "two" || !ok || o.Len() != 40 || o.Keys()[1] != "kk" {
		t.Error(v, ok, o.Len())
	}
	if c := o.With("new", nil); c.Len() != 41 || o.Len() != 40 {
		t.Error("With")
	}
	if !Equal(mustParse(t, `{"a":1,"b":[1.0]}`), mustParse(t, `{"b":[1],"a":1}`)) || Equal(mustParse(t, `[1]`), mustParse(t, `["1"]`)) {
		t.Error("Equal")
	}
}

// Whatever encoding/json takes, ParseJSON takes, and the other way round, and
// what AppendJSON writes reads the same.
func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e3,"x\u0041"]}`, `[`, `"\ud83d\ude00"`, `-0`, "\"\x80\"", `{"a":1,"a":2}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseJSON([]byte(text))
		if valid := json.Valid([]byte(text)); valid != (err == nil) {
			if valid && strings.Contains(err.Error(), "deeply") {
				return
			}
			t.Fatalf("%q: %v, encoding/json says valid=%t", text, err, valid)
		}
		if err != nil {
			return
		}
		out := AppendJSON(nil, v)
		again, err := ParseJSON(out)
		if err != nil || Text(again) != string(out) {
			t.Fatalf("%q: %s, %v", text, out, err)
		}
	})
}
