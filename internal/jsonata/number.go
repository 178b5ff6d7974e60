package jsonata

import (
	"math"
	"strconv"
	"strings"
)

// Float is the number as JavaScript sees it: the nearest double; ±Inf when it is
// out of range.
func (n Number) Float() float64 {
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil && !math.IsInf(f, 0) {
		return math.NaN()
	}
	return f
}

// Int returns the number when it is written as an integer that fits.
func (n Number) Int() (int64, bool) {
	i, err := strconv.ParseInt(string(n), 10, 64)
	return i, err == nil
}

// FormatFloat writes a finite double as JavaScript does.
func FormatFloat(f float64) Number {
	if f == 0 {
		return "0" // of -0 too, as JSON.stringify writes it
	}
	if abs := math.Abs(f); abs >= 1e21 || abs < 1e-6 {
		s := strconv.FormatFloat(f, 'e', -1, 64)
		mantissa, exp, _ := strings.Cut(s, "e")
		sign := exp[:1]
		return Number(mantissa + "e" + sign + strings.TrimLeft(exp[1:], "0"))
	}
	return Number(strconv.FormatFloat(f, 'f', -1, 64))
}

// arrayIndex reports whether JavaScript takes a key for the index of an array
// and sorts it before the other keys.
func arrayIndex(key string) (uint32, bool) {
	if key == "" || len(key) > 10 || (key[0] == '0' && len(key) > 1) {
		return 0, false
	}
	n, err := strconv.ParseUint(key, 10, 32)
	if err != nil || n == math.MaxUint32 || key[0] == '+' {
		return 0, false
	}
	return uint32(n), true
}
