package asl

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
	if d.Location == "" {
		return d.Code + ": " + d.Message
	}
	return d.Code + ": " + d.Message + " at " + d.Location
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
