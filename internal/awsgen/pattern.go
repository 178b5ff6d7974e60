package main

import (
	"fmt"
	"regexp"
	"strings"
)

// expression is a model's pattern in RE2: what the whole value must match and
// what it must not.
type expression struct{ re, not string }

// rewrites translates the few patterns that use what RE2 does not have
// (lookarounds, Java's named classes). The keys are the models' own texts.
func rewrites() map[string]expression {
	return map[string]expression{
		`(?!^[0-9]+$)([a-zA-Z0-9-_]+)`:              {`[a-zA-Z0-9-_]+`, `[0-9]+`},
		`((?!^\d+$)^[0-9a-zA-Z-_]+$)`:               {`[0-9a-zA-Z-_]+`, `\d+`},
		`(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)`: {`[_a-zA-Z0-9][^$]*`, `system\x2e[\s\S]*`},
		`[0-9A-Za-z\.\-_]*(?<!\.)`:                  {`[0-9A-Za-z\.\-_]*`, `[\s\S]*\.`},
		`^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$`:    {`[a-zA-Z0-9_\-\.]+`, `[0-9]+`},
		`\p{ASCII}*`:                                {`[\x00-\x7F]*`, ``},
	}
}

// translate gives the RE2 of a Java pattern. re is "" when the pattern serves as
// it is.
func translate(pattern string) (expression, error) {
	e, known := rewrites()[pattern]
	if !known && (strings.Contains(pattern, "(?=") || strings.Contains(pattern, "(?!") || strings.Contains(pattern, "(?<")) {
		return e, fmt.Errorf("pattern %q looks around: add it to rewrites", pattern)
	}
	re := e.re
	if re == "" {
		re = pattern
	}
	for _, expr := range []string{re, e.not} {
		if _, err := regexp.Compile(`\A(?:` + expr + `)\z`); err != nil {
			return e, fmt.Errorf("pattern %q: %w", pattern, err)
		}
	}
	return e, nil
}
