package asl

import (
	"strings"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

func testEvaluation(t testing.TB, input string) *evaluation {
	t.Helper()
	env := Env{Now: time.Unix(1, 0), Seed: 3}
	return &evaluation{
		engine: jsonata.New(jsonata.Config{}), env: env, random: newRandom(env, 0), patience: &patience{}, input: mustValue(t, input),
		context: object("Execution", object("Name", "e")), variables: object("v", Number("5")),
	}
}

func TestIntrinsics(t *testing.T) {
	e := testEvaluation(t, `{"s": "a b", "n": 3, "f": 1.5, "a": [1, 2, 2, "x", [1], 1.0], "o": {"k": 1}, "p": {"k": 2, "l": 3}, "nul": null, "b64": "aGk="}`)
	for call, want := range map[string]string{
		`States.Format('{} is {} and {}', 'x', $.n, $.o)`:         `"x is 3 and {k=1}"`,
		`States.Format('\{{}\}', $.a)`:                            `"{[1, 2, 2, x, [1], 1.0]}"`,
		`States.Format('it\'s {}', null)`:                         `"it's null"`,
		`States.Format($.s)`:                                      `"a b"`,
		`States.StringToJson('{"a":[1,"\u0041"]}')`:               `{"a":[1,"A"]}`,
		`States.StringToJson(' ')`:                                `null`,
		`States.JsonToString($.p)`:                                `"{\"k\":2,\"l\":3}"`,
		`States.Array()`:                                          `[]`,
		`States.Array(1, 'x', $$.Execution.Name, $v, true, null)`: `[1,"x","e",5,true,null]`,
		`States.ArrayPartition($.a, 4)`:                           `[[1,2,2,"x"],[[1],1.0]]`,
		`States.ArrayContains($.a, 'x')`:                          `true`,
		`States.ArrayContains($.a, 9)`:                            `false`,
		`States.ArrayRange(1, 9, 2)`:                              `[1,3,5,7,9]`,
		`States.ArrayRange(3, 1, -1)`:                             `[3,2,1]`,
		`States.ArrayRange(3, 1, 1)`:                              `[]`,
		`States.ArrayGetItem($.a, 3)`:                             `"x"`,
		`States.ArrayLength($.a)`:                                 `6`,
		`States.ArrayUnique($.a)`:                                 `[1,2,"x",[1]]`,
		`States.Base64Encode('hi')`:                               `"aGk="`,
		`States.Base64Decode($.b64)`:                              `"hi"`,
		`States.Hash('input data', 'SHA-1')`:                      `"aaff4a450a104cd177d28d18d74485e8cae074b7"`,
		`States.JsonMerge($.o, $.p, false)`:                       `{"k":2,"l":3}`,
		`States.MathRandom(1, 2)`:                                 `1`,
		`States.MathAdd($.n, -5)`:                                 `-2`,
		`States.MathAdd($.f, 0)`:                                  `2`,
		`States.MathAdd(-1.5, 0)`:                                 `-1`,
		`States.StringSplit('1.2,3', '.,')`:                       `["1","2","3"]`,
		`States.ArrayGetItem(States.StringSplit('a-b', '-'), 1)`:  `"b"`,
		`States.ArrayLength($.a[?(@ == 2)])`:                      `2`,
	} {
		c, err := parseIntrinsic(call)
		if err != nil {
			t.Errorf("%s: %v", call, err)
			continue
		}
		got, fail := c.eval(e)
		if text := (Value{got}).String(); fail != nil || text != want {
			t.Errorf("%s = %s, %v; want %s", call, text, fail, want)
		}
	}
}

func TestIntrinsicFailures(t *testing.T) {
	e := testEvaluation(t, `{"s": "a", "a": [1], "big": "`+strings.Repeat("x", 10_001)+`"}`)
	for call, want := range map[string]string{
		`States.Format('{} {}', 1)`:              `number of arguments`,
		`States.Format('{}', 1, 2)`:              `number of arguments`,
		`States.StringToJson('{')`:               `not a valid JSON`,
		`States.StringToJson($.a)`:               `type string, but was array`,
		`States.ArrayPartition($.a, 0)`:          `positive integer`,
		`States.ArrayRange(1, 9, 0)`:             `zero`,
		`States.ArrayRange(0, 1000, 1)`:          `1000`,
		`States.ArrayGetItem($.a, 1)`:            `out of bounds`,
		`States.ArrayGetItem($.a, -1)`:           `out of bounds`,
		`States.ArrayLength($.s)`:                `type array, but was string`,
		`States.Base64Decode('%')`:               `Base64`,
		`States.Base64Encode($.big)`:             `10000`,
		`States.Hash('a', 'CRC')`:                `CRC`,
		`States.JsonMerge($.s, $.s, false)`:      `type object`,
		`States.MathRandom(2, 1)`:                `greater`,
		`States.JsonToString($.none)`:            `The JsonPath argument for the field '$.none' could not be found in the input '{"s":"a"`,
		`States.ArrayLength(States.Array($.no))`: `The function 'States.Array($.no)' had the following error`,
	} {
		c, err := parseIntrinsic(call)
		if err != nil {
			t.Errorf("%s: %v", call, err)
			continue
		}
		_, fail := c.eval(e)
		if fail == nil || fail.name != ErrIntrinsicFailure || !strings.Contains(fail.cause, want) {
			t.Errorf("%s: %v, want %s", call, fail, want)
		}
	}
	for _, bad := range []string{
		`States.Nope()`, `States.Format`, `States.Format(`, `States.Format('a'`, `States.Format('a) `, `States.UUID(1)`, `States.ArrayLength()`,
		`States.MathAdd(1,'-1')`, `States.Array(x)`, `States.Array(1,)`, `States.Array(1) x`, `States.Array($.)`, `States.ArrayLength(1e)`,
		strings.Repeat(`States.Array(`, 11) + strings.Repeat(`)`, 11),
	} {
		if c, err := parseIntrinsic(bad); err == nil {
			t.Errorf("%s is taken: %+v", bad, c)
		}
	}
}

func TestSeededRandomIsJavas(t *testing.T) {
	c, err := parseIntrinsic(`States.MathRandom(0, 10, 42)`)
	if err != nil {
		t.Fatal(err)
	}
	if v, fail := c.eval(testEvaluation(t, `{}`)); fail != nil || v != Number("0") {
		t.Error(v, fail)
	}
}

func FuzzIntrinsic(f *testing.F) {
	for _, seed := range []string{
		`States.Format('{} \{', $.s, States.UUID())`, `States.ArrayRange(1, 9, 2)`, `States.MathAdd(9223372036854775807, 1)`, `States.StringToJson('[1]')`,
		`States.ArrayPartition($.a, 99999999999)`, `States.MathRandom(-9e18, 9e18)`, `States.JsonMerge($.o, $.o, false)`, `States.StringSplit('a,b', ',')`,
		`States.ArrayRange(-9223372036854775808, 9223372036854775807, 1)`, `States.ArrayUnique(States.Array(1, 1.0))`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseIntrinsic(text)
		if err != nil {
			return
		}
		e := testEvaluation(t, `{"s": "a", "a": [1, 2, 3], "o": {"k": 1}}`)
		v, fail := c.eval(e)
		if (fail == nil) == (v == nil) && fail != nil {
			t.Fatalf("%s: %v and %v", text, v, fail)
		}
		if fail == nil {
			if _, err := ParseValue([]byte(Value{v}.String())); err != nil {
				t.Fatalf("%s yields what is not JSON: %s", text, Value{v})
			}
		}
	})
}
