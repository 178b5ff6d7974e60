package asl

import "strings"

// Severity of a Diagnostic.
type Severity string

// The severities, as ValidateStateMachineDefinition names them.
const (
	SeverityError   Severity = "ERROR"
	SeverityWarning Severity = "WARNING"
)

// Codes of diagnostics.
const (
	CodeInvalidJSON       = "INVALID_JSON_DESCRIPTION"
	CodeSchema            = "SCHEMA_VALIDATION_FAILED"
	CodeMissingTransition = "MISSING_TRANSITION_TARGET"
	CodeMissingEnd        = "MISSING_END_STATE"
	CodeDuplicateState    = "DUPLICATE_STATE_NAME"
	CodeInvalidJSONata    = "INVALID_JSONATA_EXPRESSION"
	CodeUnsupported       = "UNSUPPORTED_JSONATA_EXPRESSION"
)

// Diagnostic is one problem of a definition.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Message  string   `json:"message"`
	Location string   `json:"location,omitempty"` // such as /States/A/Choices[0]/Next; "" = the definition as a whole
}

// Error is the problem as CreateStateMachine words it.
func (d Diagnostic) Error() string {
	at := d.Location
	switch {
	case at == "" && d.Code == CodeMissingEnd:
		at = "null"
	case at == "":
		return d.Code + ": " + d.Message
	}
	return d.Code + ": " + d.Message + " at " + at
}

// Refusal is all errors among the diagnostics as CreateStateMachine words them;
// "" when there is none.
func Refusal(all []Diagnostic) string {
	var texts []string
	for _, d := range all {
		if d.Severity == SeverityError {
			texts = append(texts, d.Error())
		}
	}
	if len(texts) == 0 {
		return ""
	}
	return "Invalid State Machine Definition: '" + strings.Join(texts, ", ") + "'"
}

// valid reports whether there is no error among the diagnostics.
func valid(all []Diagnostic) bool {
	for _, d := range all {
		if d.Severity == SeverityError {
			return false
		}
	}
	return true
}
