package asl

import (
	"encoding/base64"
	"fmt"
	"math"
	"strings"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

// intrinsicFunc is what is known of one intrinsic function.
type intrinsicFunc struct {
	min, max int
	kinds    []string // JSON types of the leading arguments; "" = any
	apply    func(e *evaluation, args []any) (any, error)
}

// Limits of intrinsic functions.
const (
	maxIntrinsicArray  = 1000
	maxIntrinsicText   = 10_000
	unlimitedArguments = math.MaxInt32
)

func (f intrinsicFunc) arity() string {
	switch {
	case f.max == unlimitedArguments:
		return fmt.Sprintf("at least %d arguments", f.min)
	case f.min == f.max:
		return fmt.Sprintf("%d arguments", f.min)
	}
	return fmt.Sprintf("%d to %d arguments", f.min, f.max)
}

// checkLiterals finds arguments whose type is wrong whatever the input is.
func (f intrinsicFunc) checkLiterals(name string, args []argument) error {
	for i, a := range args {
		if a.path != nil || a.call != nil || i >= len(f.kinds) || f.kinds[i] == "" {
			continue
		}
		if kindOf(a.literal) != f.kinds[i] {
			return fmt.Errorf("argument %d of %s must be a %s", i+1, name, f.kinds[i])
		}
	}
	return nil
}

// intrinsics are the functions by name. The map is never written to.
var intrinsics = map[string]intrinsicFunc{
	"Format":         {1, unlimitedArguments, []string{"string"}, format},
	"StringToJson":   {1, 1, []string{"string"}, stringToJSON},
	"JsonToString":   {1, 1, nil, func(_ *evaluation, a []any) (any, error) { return jsonata.Text(a[0]), nil }},
	"Array":          {0, unlimitedArguments, nil, func(_ *evaluation, a []any) (any, error) { return a, nil }},
	"ArrayPartition": {2, 2, []string{"array", "number"}, arrayPartition},
	"ArrayContains":  {2, 2, []string{"array"}, arrayContains},
	"ArrayRange":     {3, 3, []string{"number", "number", "number"}, arrayRange},
	"ArrayGetItem":   {2, 2, []string{"array", "number"}, arrayGetItem},
	"ArrayLength":    {1, 1, []string{"array"}, arrayLength},
	"ArrayUnique":    {1, 1, []string{"array"}, arrayUnique},
	"Base64Encode":   {1, 1, []string{"string"}, base64Encode},
	"Base64Decode":   {1, 1, []string{"string"}, base64Decode},
	"Hash":           {2, 2, []string{"", "string"}, hash},
	"JsonMerge":      {3, 3, []string{"object", "object", "boolean"}, jsonMerge},
	"MathRandom":     {2, 3, []string{"number", "number", "number"}, mathRandom},
	"MathAdd":        {2, 2, []string{"number", "number"}, mathAdd},
	"StringSplit":    {2, 2, []string{"string", "string"}, stringSplit},
	"UUID":           {0, 0, nil, func(e *evaluation, _ []any) (any, error) { return jsonata.UUID(e.rand()), nil }},
}

// eval calls the function. Its failure is States.IntrinsicFailure and names the
// call as it was written.
func (c *intrinsic) eval(e *evaluation) (any, *failure) {
	args := make([]any, len(c.args))
	for i, a := range c.args {
		switch {
		case a.call != nil:
			v, fail := a.call.eval(e)
			if fail != nil {
				return nil, fail
			}
			args[i] = v
		case a.path != nil:
			v, document, ok := e.lookup(a.path)
			if !ok {
				return nil, c.fail("The JsonPath argument for the field '%s' could not be found in the input '%s'", a.path.text, quoteJSON(document))
			}
			args[i] = v
		default:
			args[i] = a.literal
		}
	}
	f := intrinsics[c.name]
	for i, kind := range f.kinds {
		if i < len(args) && kind != "" && kindOf(args[i]) != kind {
			return nil, c.fail("Argument %d must be of type %s, but was %s", i+1, kind, kindOf(args[i]))
		}
	}
	v, err := f.apply(e, args)
	if err != nil {
		return nil, c.fail("%s", err)
	}
	return v, nil
}

func (c *intrinsic) fail(format string, args ...any) *failure {
	return failf(ErrIntrinsicFailure, "The function '%s' had the following error: %s", c.text, fmt.Sprintf(format, args...))
}

// format replaces each {} by the next argument; \{ and \} are braces.
func format(_ *evaluation, args []any) (any, error) {
	template := args[0].(string)
	rest := args[1:]
	var b strings.Builder
	for i := 0; i < len(template); i++ {
		switch c := template[i]; {
		case c == '\\' && i+1 < len(template) && (template[i+1] == '{' || template[i+1] == '}' || template[i+1] == '\\'):
			i++
			b.WriteByte(template[i])
		case c == '{' && i+1 < len(template) && template[i+1] == '}':
			if len(rest) == 0 {
				return nil, fmt.Errorf("The number of arguments does not match the number of {} in the template")
			}
			writeJava(&b, rest[0])
			rest = rest[1:]
			i++
		default:
			b.WriteByte(c)
		}
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("The number of arguments does not match the number of {} in the template")
	}
	return b.String(), nil
}

// writeJava writes a value as Java's toString does, which is what AWS does:
// objects are {a=1, b=2}, arrays [1, 2], and strings are not quoted.
func writeJava(b *strings.Builder, v any) {
	switch x := v.(type) {
	case string:
		b.WriteString(x)
	case []any:
		b.WriteByte('[')
		for i, e := range x {
			if i > 0 {
				b.WriteString(", ")
			}
			writeJava(b, e)
		}
		b.WriteByte(']')
	case *Object:
		b.WriteByte('{')
		for i := range x.Len() {
			if i > 0 {
				b.WriteString(", ")
			}
			k, e := x.At(i)
			b.WriteString(k + "=")
			writeJava(b, e)
		}
		b.WriteByte('}')
	default:
		b.WriteString(jsonata.Text(v))
	}
}

// stringToJSON takes a blank text for null.
func stringToJSON(_ *evaluation, args []any) (any, error) {
	text := strings.TrimSpace(args[0].(string))
	if text == "" {
		return nil, nil
	}
	v, err := jsonata.ParseJSON([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("The argument is not a valid JSON string: %w", err)
	}
	return v, nil
}

// integer rounds a number as the functions do: halves go up.
func integer(v any) (int64, error) {
	n := v.(Number)
	if i, ok := n.Int(); ok {
		return i, nil
	}
	f := math.Floor(n.Float() + 0.5)
	if math.IsNaN(f) || math.Abs(f) > math.MaxInt64/4 {
		return 0, fmt.Errorf("%s is not an integer in range", n)
	}
	return int64(f), nil
}

func intNumber(i int64) Number { return Number(fmt.Sprint(i)) }

func arrayPartition(_ *evaluation, args []any) (any, error) {
	all := args[0].([]any)
	size, err := integer(args[1])
	if err != nil || size <= 0 {
		return nil, fmt.Errorf("The chunk size must be a positive integer")
	}
	out := []any{}
	for from := 0; from < len(all); from += int(min(size, int64(len(all)))) {
		out = append(out, all[from:min(from+int(min(size, int64(len(all)))), len(all))])
	}
	return out, nil
}

func arrayContains(_ *evaluation, args []any) (any, error) {
	for _, e := range args[0].([]any) {
		if jsonata.Equal(e, args[1]) {
			return true, nil
		}
	}
	return false, nil
}

func arrayRange(_ *evaluation, args []any) (any, error) {
	var n [3]int64
	for i := range n {
		v, err := integer(args[i])
		if err != nil {
			return nil, err
		}
		n[i] = v
	}
	first, last, step := n[0], n[1], n[2]
	if step == 0 {
		return nil, fmt.Errorf("The step must not be zero")
	}
	count := math.Floor((float64(last)-float64(first))/float64(step)) + 1
	if count > maxIntrinsicArray {
		return nil, fmt.Errorf("The range has more than %d elements", maxIntrinsicArray)
	}
	out := []any{}
	for i := range max(0, int64(count)) {
		out = append(out, intNumber(first+i*step))
	}
	return out, nil
}

func arrayGetItem(_ *evaluation, args []any) (any, error) {
	all := args[0].([]any)
	i, err := integer(args[1])
	if err != nil || i < 0 || i >= int64(len(all)) {
		return nil, fmt.Errorf("The index %s is out of bounds of an array of %d elements", args[1], len(all))
	}
	return all[i], nil
}

func arrayLength(_ *evaluation, args []any) (any, error) {
	return intNumber(int64(len(args[0].([]any)))), nil
}

func arrayUnique(_ *evaluation, args []any) (any, error) {
	out := []any{}
	seen := make(map[string]bool)
	for _, e := range args[0].([]any) {
		key := jsonata.Text(e)
		if n, ok := e.(Number); ok {
			key = fmt.Sprint(n.Float())
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, e)
		}
	}
	return out, nil
}

func base64Encode(_ *evaluation, args []any) (any, error) {
	s := args[0].(string)
	if len(s) > maxIntrinsicText {
		return nil, fmt.Errorf("The string has more than %d characters", maxIntrinsicText)
	}
	return base64.StdEncoding.EncodeToString([]byte(s)), nil
}

func base64Decode(_ *evaluation, args []any) (any, error) {
	s := args[0].(string)
	if len(s) > maxIntrinsicText {
		return nil, fmt.Errorf("The string has more than %d characters", maxIntrinsicText)
	}
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("The string is not Base64")
	}
	return strings.ToValidUTF8(string(raw), "\uFFFD"), nil
}

func hash(_ *evaluation, args []any) (any, error) {
	text, ok := args[0].(string)
	if !ok {
		text = jsonata.Text(args[0])
	}
	if len(text) > maxIntrinsicText {
		return nil, fmt.Errorf("The data has more than %d characters", maxIntrinsicText)
	}
	sum := jsonata.Hash(text, args[1].(string))
	if sum == "" {
		return nil, fmt.Errorf("The algorithm %s is not supported: MD5, SHA-1, SHA-256, SHA-384 and SHA-512 are", args[1])
	}
	return sum, nil
}

func jsonMerge(_ *evaluation, args []any) (any, error) {
	if args[2].(bool) {
		return nil, fmt.Errorf("Only the shallow merging mode is supported: the third argument must be false")
	}
	a, b := args[0].(*Object), args[1].(*Object)
	out := a.Copy(b.Len())
	for i := range b.Len() {
		k, v := b.At(i)
		out.Set(k, v)
	}
	return out, nil
}

func mathRandom(e *evaluation, args []any) (any, error) {
	from, err := integer(args[0])
	if err != nil {
		return nil, err
	}
	to, err := integer(args[1])
	if err != nil {
		return nil, err
	}
	span := to - from
	if to <= from || span <= 0 || span > math.MaxInt32 {
		return nil, fmt.Errorf("The end of the range must be greater than its start")
	}
	if len(args) == 3 {
		seed, err := integer(args[2])
		if err != nil {
			return nil, err
		}
		return intNumber(from + int64(jsonata.NewJavaRandom(seed).IntN(int32(span)))), nil
	}
	return intNumber(from + e.rand().Int64N(span)), nil
}

func mathAdd(_ *evaluation, args []any) (any, error) {
	a, err := integer(args[0])
	if err != nil {
		return nil, err
	}
	b, err := integer(args[1])
	if err != nil {
		return nil, err
	}
	sum := a + b
	if (sum > a) != (b > 0) && b != 0 {
		return nil, fmt.Errorf("The sum is out of range")
	}
	return intNumber(sum), nil
}

// stringSplit cuts at every character of the second string and leaves empty
// pieces out.
func stringSplit(_ *evaluation, args []any) (any, error) {
	out := []any{}
	text, cuts := args[0].(string), args[1].(string)
	if cuts == "" {
		return append(out, text), nil
	}
	for _, piece := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(cuts, r) }) {
		out = append(out, piece)
	}
	return out, nil
}
