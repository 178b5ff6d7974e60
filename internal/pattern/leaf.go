package pattern

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
)

// leaf decides on one value of an event. absent is how it decides where there is
// none; only "exists": false wants that.
type leaf struct {
	matches func(v any) bool
	absent  bool
}

var operators = []string{
	"prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "cidr", "exists",
}

func compileLeaf(v any, path []string) (leaf, error) {
	switch v := v.(type) {
	case string, bool, nil:
		return leaf{matches: func(e any) bool { return e == v }}, nil
	case json.Number:
		return leaf{matches: func(e any) bool { return sameNumber(e, v) }}, nil
	case map[string]any:
		if len(v) != 1 {
			return leaf{}, wrong(path, "has an operator of %d keys; it must be one of %s", len(v), strings.Join(operators, ", "))
		}
		for op, operand := range v {
			return compileOperator(op, operand, path)
		}
	}
	return leaf{}, wrong(path, "has an array in its array")
}

func compileOperator(op string, operand any, path []string) (leaf, error) {
	path = append(slices.Clone(path), op)
	var matches func(any) bool
	var err error
	switch op {
	case "prefix", "suffix":
		if fold, ok := foldOperand(operand); ok {
			matches = onString(func(s string) bool { return edge(op, strings.ToLower(s), strings.ToLower(fold)) })
			break
		}
		matches, err = onOperand(operand, path, func(s, want string) bool { return edge(op, s, want) })
	case "equals-ignore-case":
		matches, err = onOperand(operand, path, strings.EqualFold)
	case "wildcard":
		matches, err = compileWildcard(operand, path)
	case "cidr":
		matches, err = compileCIDR(operand, path)
	case "numeric":
		matches, err = compileNumeric(operand, path)
	case "anything-but":
		matches, err = compileAnythingBut(operand, path)
	case "exists":
		want, ok := operand.(bool)
		if !ok {
			return leaf{}, wrong(path, "must be true or false")
		}
		return leaf{matches: func(any) bool { return want }, absent: !want}, nil
	default:
		return leaf{}, wrong(path, "is no operator; there are %s", strings.Join(operators, ", "))
	}
	return leaf{matches: matches}, err
}

// edge is prefix and suffix.
func edge(op, s, want string) bool {
	if op == "prefix" {
		return strings.HasPrefix(s, want)
	}
	return strings.HasSuffix(s, want)
}

// foldOperand is the string of {"equals-ignore-case": …} below another operator.
func foldOperand(operand any) (string, bool) {
	o, ok := operand.(map[string]any)
	if !ok || len(o) != 1 {
		return "", false
	}
	s, ok := o["equals-ignore-case"].(string)
	return s, ok
}

func onString(matches func(string) bool) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		return ok && matches(s)
	}
}

func onOperand(operand any, path []string, matches func(s, want string) bool) (func(any) bool, error) {
	want, ok := operand.(string)
	if !ok {
		return nil, wrong(path, "must be a string")
	}
	return onString(func(s string) bool { return matches(s, want) }), nil
}

func compileCIDR(operand any, path []string) (func(any) bool, error) {
	text, ok := operand.(string)
	if !ok {
		return nil, wrong(path, "must be a string")
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, wrong(path, "is not ADDRESS/BITS: %q", text)
	}
	return onString(func(s string) bool {
		a, err := netip.ParseAddr(s)
		return err == nil && prefix.Contains(a)
	}), nil
}

// compileAnythingBut: what is not one of a list of strings or numbers, or does
// not match another operator.
func compileAnythingBut(operand any, path []string) (func(any) bool, error) {
	if o, ok := operand.(map[string]any); ok {
		return compileAnythingButOperator(o, path)
	}
	list, ok := operand.([]any)
	if !ok {
		list = []any{operand}
	}
	strs, nums := 0, 0
	var unwanted []leaf
	for _, v := range list {
		switch v.(type) {
		case string:
			strs++
		case json.Number:
			nums++
		}
		l, err := compileLeaf(v, path)
		if err != nil {
			return nil, err
		}
		unwanted = append(unwanted, l)
	}
	if len(list) == 0 || strs != len(list) && nums != len(list) {
		return nil, wrong(path, "must be a string or a number, a list of strings, or a list of numbers")
	}
	return none(unwanted), nil
}

func compileAnythingButOperator(o map[string]any, path []string) (func(any) bool, error) {
	var unwanted []leaf
	for op, operand := range o {
		if len(o) != 1 || !slices.Contains(operators[:4], op) {
			return nil, wrong(path, "takes one of %s", strings.Join(operators[:4], ", "))
		}
		list, ok := operand.([]any)
		if !ok {
			list = []any{operand}
		}
		for _, v := range list {
			s, ok := v.(string)
			if !ok || s == "" && op != "wildcard" && op != "equals-ignore-case" {
				return nil, wrong(append(slices.Clone(path), op), "must be a string that is not empty, or a list of them")
			}
			l, err := compileOperator(op, s, path)
			if err != nil {
				return nil, err
			}
			unwanted = append(unwanted, l)
		}
	}
	if len(unwanted) == 0 {
		return nil, wrong(path, "is empty")
	}
	return none(unwanted), nil
}

// none matches what none of leaves does.
func none(leaves []leaf) func(any) bool {
	return func(v any) bool {
		return !slices.ContainsFunc(leaves, func(l leaf) bool { return l.matches(v) })
	}
}
