package asl

import (
	"slices"
	"strings"
)

// rule is a compiled choice rule.
type rule interface {
	eval(e *evaluation) (bool, *failure)
}

type (
	andRule       []rule
	orRule        []rule
	notRule       struct{ rule rule }
	conditionRule struct {
		literal bool
		expr    string
		field   string
	}
	// compareRule is a data test: a variable, an operator, and what to compare
	// with, written down or at a path.
	compareRule struct {
		variable *jsonPath
		operator string // without Path
		literal  any
		path     *jsonPath
	}
)

func (r andRule) eval(e *evaluation) (bool, *failure) {
	for _, x := range r {
		if ok, fail := x.eval(e); fail != nil || !ok {
			return false, fail
		}
	}
	return true, nil
}

func (r orRule) eval(e *evaluation) (bool, *failure) {
	for _, x := range r {
		if ok, fail := x.eval(e); fail != nil || ok {
			return ok, fail
		}
	}
	return false, nil
}

func (r notRule) eval(e *evaluation) (bool, *failure) {
	ok, fail := r.rule.eval(e)
	return !ok && fail == nil, fail
}

func (r conditionRule) eval(e *evaluation) (bool, *failure) {
	if r.expr == "" {
		return r.literal, nil
	}
	v, fail := e.query(r.expr, r.field)
	if fail != nil {
		return false, fail
	}
	b, ok := v.(bool)
	if !ok {
		return false, unexpectedType(r.expr, r.field, "boolean", v)
	}
	return b, nil
}

// operators maps each data test to the type of what it compares with. The map
// is never written to.
var operators = map[string]string{
	"BooleanEquals": "boolean", "StringMatches": "string",
	"IsNull": "boolean", "IsPresent": "boolean", "IsNumeric": "boolean", "IsString": "boolean", "IsBoolean": "boolean", "IsTimestamp": "boolean",
	"StringEquals": "string", "StringLessThan": "string", "StringGreaterThan": "string",
	"StringLessThanEquals": "string", "StringGreaterThanEquals": "string",
	"NumericEquals": "number", "NumericLessThan": "number", "NumericGreaterThan": "number",
	"NumericLessThanEquals": "number", "NumericGreaterThanEquals": "number",
	"TimestampEquals": "timestamp", "TimestampLessThan": "timestamp", "TimestampGreaterThan": "timestamp",
	"TimestampLessThanEquals": "timestamp", "TimestampGreaterThanEquals": "timestamp",
}

func (n *node) rule() rule {
	var tests []string
	for _, k := range n.o.Keys() {
		if k == "And" || k == "Or" || k == "Not" || operators[strings.TrimSuffix(k, "Path")] != "" || operators[k] != "" {
			tests = append(tests, k)
		}
	}
	if len(tests) != 1 {
		if len(tests) == 0 {
			n.errorf("", "A choice rule must have a comparison operator")
		} else {
			n.errorf("", "There should only be one of the following fields: [%s]", strings.Join(tests, ", "))
		}
		for _, k := range append(tests, "Variable") {
			n.get(k)
		}
		return nil
	}
	switch test := tests[0]; test {
	case "And", "Or":
		if n.count(test) == 0 {
			n.errorf(test, "Value must be a non-empty array of choice rules")
		}
		var all []rule
		n.list(test, func(e *node) { all = append(all, e.nestedRule()) })
		if test == "And" {
			return andRule(all)
		}
		return orRule(all)
	case "Not":
		e := n.inner("Not")
		if e == nil {
			return nil
		}
		return notRule{e.nestedRule()}
	default:
		return n.compare(test)
	}
}

func (n *node) nestedRule() rule {
	r := n.rule()
	if n.has("Next") {
		n.get("Next")
		n.errorf("Next", "Next is only supported in the outermost choice rule")
	}
	n.done()
	return r
}

func (n *node) compare(test string) rule {
	r := compareRule{operator: test}
	if !n.has("Variable") {
		n.required("Variable")
	} else {
		r.variable = n.reference("Variable")
	}
	if kind, plainTest := operators[test]; plainTest {
		v, _ := n.get(test)
		r.literal = v
		n.b.suspect(v, CodeNoPath, n.at(test), noPath)
		ok := kindOf(v) == kind
		if s, isText := v.(string); kind == "timestamp" && isText {
			_, ok = parseTimestamp(s)
		}
		if !ok {
			n.errorf(test, "Value is not a %s", kind)
		}
		return r
	}
	r.operator = strings.TrimSuffix(test, "Path")
	if strings.HasPrefix(r.operator, "Is") || r.operator == "StringMatches" {
		n.get(test)
		n.errorf(test, "Field is not supported")
		return r
	}
	r.path = n.reference(test)
	return r
}

func (r compareRule) eval(e *evaluation) (bool, *failure) {
	v, _, ok := e.lookup(r.variable)
	if r.operator == "IsPresent" {
		return ok == r.literal.(bool), nil
	}
	if !ok {
		return false, failf(ErrRuntime, "Invalid path '%s': The choice state's condition path references an invalid value.", r.variable.text)
	}
	want := r.literal
	if r.path != nil {
		if want, _, ok = e.lookup(r.path); !ok {
			return false, failf(ErrRuntime, "Invalid path '%s': The choice state's condition path references an invalid value.", r.path.text)
		}
	}
	if strings.HasPrefix(r.operator, "Is") {
		return is(r.operator, v) == want, nil
	}
	return holds(r.operator, v, want), nil
}

func is(operator string, v any) bool {
	switch operator {
	case "IsNull":
		return v == nil
	case "IsNumeric":
		return kindOf(v) == "number"
	case "IsString":
		return kindOf(v) == "string"
	case "IsBoolean":
		return kindOf(v) == "boolean"
	}
	s, ok := v.(string)
	if !ok {
		return false
	}
	_, ok = parseTimestamp(s)
	return ok
}

// holds compares two values; values of another type than the operator's make it
// false.
func holds(operator string, v, want any) bool {
	kind := operators[operator]
	var order int
	switch kind {
	case "boolean":
		a, aok := v.(bool)
		b, bok := want.(bool)
		return aok && bok && a == b
	case "string":
		a, aok := v.(string)
		b, bok := want.(string)
		if !aok || !bok {
			return false
		}
		if operator == "StringMatches" {
			return wildcard(b, a)
		}
		order = strings.Compare(a, b)
	case "number":
		a, aok := v.(Number)
		b, bok := want.(Number)
		if !aok || !bok {
			return false
		}
		order = compareFloat(a.Float(), b.Float())
	default:
		a, aok := v.(string)
		b, bok := want.(string)
		at, ok1 := parseTimestamp(a)
		bt, ok2 := parseTimestamp(b)
		if !aok || !bok || !ok1 || !ok2 {
			return false
		}
		order = at.Compare(bt)
	}
	switch {
	case strings.HasSuffix(operator, "LessThanEquals"):
		return order <= 0
	case strings.HasSuffix(operator, "GreaterThanEquals"):
		return order >= 0
	case strings.HasSuffix(operator, "LessThan"):
		return order < 0
	case strings.HasSuffix(operator, "GreaterThan"):
		return order > 0
	}
	return order == 0
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// wildcard matches a text with a pattern in which * stands for any text and a
// backslash makes the next character literal.
func wildcard(pattern, s string) bool {
	var parts []string // literal texts between the stars
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteByte(pattern[i])
		case c == '*':
			parts = append(parts, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	parts = append(parts, b.String())
	if len(parts) == 1 {
		return s == parts[0]
	}
	rest, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, p := range slices.Clone(parts[1 : len(parts)-1]) {
		i := strings.Index(rest, p)
		if i < 0 {
			return false
		}
		rest = rest[i+len(p):]
	}
	return strings.HasSuffix(rest, last)
}
