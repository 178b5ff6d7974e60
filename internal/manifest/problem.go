package manifest

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong in a manifest.
type Problem struct {
	File string
	Position
	Key     string // full name, for example functions.hello.memory; "" = the file
	Message string
}

// Error is FILE:LINE:COLUMN: KEY: MESSAGE, the form editors jump to.
func (p Problem) Error() string {
	where := fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Key != "" {
		where += p.Key + ": "
	}
	return where + p.Message
}

// Problems is all that is wrong in one manifest, in the order of the file.
type Problems []Problem

// Error is one line per problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}
