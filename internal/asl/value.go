package asl

import (
	"strings"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

// JSON values are those of package jsonata: nil, bool, Number, string, []any and
// *Object. They are never changed once made.
type (
	Object = jsonata.Object
	Number = jsonata.Number
)

// Value holds a JSON value within the serialisable State and its events. Absent
// and null differ: a nil *Value is absent.
type Value struct{ V any }

// MarshalJSON writes the value with its keys in order.
func (v Value) MarshalJSON() ([]byte, error) { return jsonata.AppendJSON(nil, v.V), nil }

// UnmarshalJSON reads a value and keeps the order of keys.
func (v *Value) UnmarshalJSON(text []byte) error {
	got, err := jsonata.ParseJSON(text)
	v.V = got
	return err
}

// ParseValue reads JSON text; its error tells the offset.
func ParseValue(text []byte) (Value, error) {
	v, err := jsonata.ParseJSON(text)
	return Value{v}, err
}

// String is the value as JSON text.
func (v Value) String() string { return jsonata.Text(v.V) }

// object makes an object of alternating keys and values.
func object(members ...any) *Object {
	o := jsonata.NewObject(len(members) / 2)
	for i := 0; i+1 < len(members); i += 2 {
		o.Set(members[i].(string), members[i+1])
	}
	return o
}

// kindOf names the JSON type of a value as error causes name it.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case Number:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

// tooLarge reports whether a payload exceeds a limit; 0 is that of the States
// Language.
func tooLarge(v any, limit int) bool {
	if limit == 0 {
		limit = MaxPayload
	}
	switch x := v.(type) {
	case nil, bool, Number:
		return false
	case string:
		if len(x) < limit/6 {
			return false // even when every byte is escaped
		}
	}
	return len(jsonata.AppendJSON(nil, v)) > limit
}

// MaxPayload is how many bytes of JSON the input, the output or a variable of a
// state may have, unless its execution says otherwise.
const MaxPayload = 256 * 1024

// quoteJSON is a value within an error cause.
func quoteJSON(v any) string { return jsonata.Text(v) }

func cutSuffix(key string) (string, bool) { return strings.CutSuffix(key, ".$") }
