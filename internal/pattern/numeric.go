package pattern

import (
	"encoding/json"
	"math"
	"math/big"
)

// exact is the largest integer below which every integer is a float64.
const exact = 1 << 53

// sameNumber compares by value: 300, 300.0 and 3e2 are one number.
func sameNumber(a any, b json.Number) bool {
	x, ok := a.(json.Number)
	if !ok {
		return false
	}
	return x == b || compare(x, b) == 0
}

// compare orders two numbers. Only where float64 cannot tell them apart are they
// looked at digit by digit.
func compare(a, b json.Number) int {
	x, errX := a.Float64()
	y, errY := b.Float64()
	if errX == nil && errY == nil && (x != y || math.Abs(x) < exact && math.Abs(y) < exact) {
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	p, okP := bigNumber(a)
	q, okQ := bigNumber(b)
	if !okP || !okQ {
		return 2 // of a size that nobody counts in: equal to nothing, less than nothing
	}
	return p.Cmp(q)
}

// maxPrecision bounds the work on one number, in bits.
const maxPrecision = 4096

func bigNumber(n json.Number) (*big.Float, bool) {
	f, _, err := big.ParseFloat(n.String(), 10, maxPrecision, big.ToNearestEven)
	return f, err == nil
}

// compileNumeric reads [op, number] or [op, number, op, number]: one bound, or a
// lower and an upper one.
func compileNumeric(operand any, path []string) (func(any) bool, error) {
	list, ok := operand.([]any)
	if !ok || len(list) != 2 && len(list) != 4 {
		return nil, wrong(path, "must be [OPERATOR, NUMBER] or [OPERATOR, NUMBER, OPERATOR, NUMBER]")
	}
	type bound struct {
		op string
		n  json.Number
	}
	var bounds []bound
	var lower, upper, equal int
	for i := 0; i < len(list); i += 2 {
		op, isOp := list[i].(string)
		n, isNumber := list[i+1].(json.Number)
		if !isOp || !isNumber {
			return nil, wrong(path, "must be [OPERATOR, NUMBER] or [OPERATOR, NUMBER, OPERATOR, NUMBER]")
		}
		switch op {
		case ">", ">=":
			lower++
		case "<", "<=":
			upper++
		case "=":
			equal++
		default:
			return nil, wrong(path, "has the operator %q; there are <, <=, =, >= and >", op)
		}
		bounds = append(bounds, bound{op, n})
	}
	switch {
	case lower > 1 || upper > 1 || equal > 0 && len(bounds) > 1:
		return nil, wrong(path, "must be one bound, or a lower and an upper one")
	case lower == 1 && upper == 1 && compare(bounds[0].n, bounds[1].n) != map[bool]int{true: -1, false: 1}[bounds[0].op[0] == '>']:
		return nil, wrong(path, "has a lower bound that is not below the upper one")
	}
	return func(v any) bool {
		n, ok := v.(json.Number)
		if !ok {
			return false
		}
		for _, b := range bounds {
			if !holds(b.op, compare(n, b.n)) {
				return false
			}
		}
		return true
	}, nil
}

func holds(op string, order int) bool {
	switch op {
	case "<":
		return order == -1
	case "<=":
		return order == -1 || order == 0
	case "=":
		return order == 0
	case ">=":
		return order == 1 || order == 0
	}
	return order == 1
}
