package kafka

import (
	"math/big"
	"time"

	"github.com/hamba/avro/v2"
)

// asJSON is a value that was read by an Avro schema as JSON has it: what stands in
// a union without the name of its type, bytes as a string of their characters, and
// times and decimals as the numbers that they are made of.
func asJSON(s avro.Schema, v any) any {
	if ref, ok := s.(*avro.RefSchema); ok {
		return asJSON(ref.Schema(), v)
	}
	switch v := v.(type) {
	case map[string]any:
		return mapAsJSON(s, v)
	case []any:
		array, ok := s.(*avro.ArraySchema)
		out := make([]any, len(v))
		for i, item := range v {
			if out[i] = item; ok {
				out[i] = asJSON(array.Items(), item)
			}
		}
		return out
	case []byte:
		return latin1(v)
	case time.Time:
		switch logical(s) {
		case avro.Date:
			return v.Unix() / 86400
		case avro.TimestampMicros, avro.LocalTimestampMicros:
			return v.UnixMicro()
		}
		return v.UnixMilli()
	case time.Duration:
		if logical(s) == avro.TimeMicros {
			return v.Microseconds()
		}
		return v.Milliseconds()
	case *big.Rat:
		return v.FloatString(scale(s))
	}
	if u, ok := s.(*avro.UnionSchema); ok && v != nil {
		return scalarAsJSON(u, v)
	}
	if f, ok := v.([16]byte); ok {
		return latin1(f[:])
	}
	return v
}

func mapAsJSON(s avro.Schema, v map[string]any) any {
	switch s := s.(type) {
	case *avro.RecordSchema:
		for _, f := range s.Fields() {
			if item, ok := v[f.Name()]; ok {
				v[f.Name()] = asJSON(f.Type(), item)
			}
		}
	case *avro.MapSchema:
		for name, item := range v {
			v[name] = asJSON(s.Values(), item)
		}
	case *avro.UnionSchema:
		for name, item := range v { // {"TYPE": value}
			if branch, _ := s.Types().Get(name); branch != nil && len(v) == 1 {
				return asJSON(branch, item)
			}
		}
		for _, branch := range s.Types() {
			if t := branch.Type(); t == avro.Record || t == avro.Map || t == avro.Ref {
				return asJSON(branch, v)
			}
		}
	}
	return v
}

// scalarAsJSON is a value of a union whose type is not told.
func scalarAsJSON(u *avro.UnionSchema, v any) any {
	for _, branch := range u.Types() {
		if branch.Type() != avro.Null {
			return asJSON(branch, v)
		}
	}
	return v
}

// logical is a schema's logical type, or that of the first branch of a union that
// has one.
func logical(s avro.Schema) avro.LogicalType {
	if u, ok := s.(*avro.UnionSchema); ok {
		for _, branch := range u.Types() {
			if t := logical(branch); t != "" {
				return t
			}
		}
		return ""
	}
	if l, ok := s.(avro.LogicalTypeSchema); ok && l.Logical() != nil {
		return l.Logical().Type()
	}
	return ""
}

// scale is how many digits of a decimal stand behind the point.
func scale(s avro.Schema) int {
	if u, ok := s.(*avro.UnionSchema); ok {
		for _, branch := range u.Types() {
			if n := scale(branch); n > 0 {
				return n
			}
		}
		return 0
	}
	if l, ok := s.(avro.LogicalTypeSchema); ok {
		if d, ok := l.Logical().(*avro.DecimalLogicalSchema); ok {
			return d.Scale()
		}
	}
	return 0
}

// latin1 is bytes as Avro writes them in JSON: a character each.
func latin1(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}
