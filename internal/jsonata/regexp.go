package jsonata

import (
	"regexp/syntax"
	"strings"
)

// backtracks reports whether a regular expression uses look-around or back
// references: those can take exponential time, and an interrupt does not reach
// the engine that runs them. All others run in time linear to their input.
//
// A pattern that is merely malformed is left to the library, which words that
// better.
func backtracks(pattern string) bool {
	if _, err := syntax.Parse(pattern, syntax.Perl); err == nil {
		return false
	}
	for _, s := range []string{"(?=", "(?!", "(?<=", "(?<!", `\k<`} {
		if strings.Contains(pattern, s) {
			return true
		}
	}
	for i := 0; i+1 < len(pattern); i++ {
		if pattern[i] == '\\' {
			if c := pattern[i+1]; c >= '1' && c <= '9' {
				return true
			}
			i++
		}
	}
	return false
}
