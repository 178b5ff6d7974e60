package jsonata

import "fmt"

// Codes of errors that do not come from the reference implementation. Its own
// codes are a letter and four digits: S… for syntax, T… for types, D… for what
// happens while evaluating.
const (
	CodeTimeout  = "D1012" // the time limit was reached
	CodeStack    = "D1011" // nested too deeply
	CodeTooLarge = "D1013" // bindings or result over their limit of bytes
	CodeRegexp   = "S0303" // a regular expression that needs backtracking
	CodeFunction = "D1014" // the result is a function, which JSON cannot say
	CodeOther    = "D1000" // the library threw something without a code
)

// Error is why an expression could not be compiled or evaluated.
type Error struct {
	Code     string // never empty
	Message  string
	Position int    // in the expression, in UTF-16 units; 0 = unknown
	Token    string // what the message is about, if anything
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }
