package asl

import (
	"fmt"
	"strings"
)

// Severity of a Diagnostic.
type Severity string

// The severities, as ValidateStateMachineDefinition names them.
const (
	SeverityError   Severity = "ERROR"
	SeverityWarning Severity = "WARNING"
)

// Codes of diagnostics.
const (
	CodeMissing           = "MISSING_DESCRIPTION"
	CodeInvalidJSON       = "INVALID_JSON_DESCRIPTION"
	CodeSchema            = "SCHEMA_VALIDATION_FAILED"
	CodeMissingTransition = "MISSING_TRANSITION_TARGET"
	CodeMissingEnd        = "MISSING_END_STATE"
	CodeDuplicateState    = "DUPLICATE_STATE_NAME"
	CodeStateName         = "INVALID_STATE_NAME"
	CodeDuplicateLabel    = "DUPLICATE_LABEL_NAME"
	CodeLabel             = "INVALID_LABEL_NAME"
	CodeTooDeep           = "TOO_DEEPLY_NESTED"
	CodeInvalidJSONata    = "INVALID_JSONATA_EXPRESSION"
	CodeUnsupported       = "UNSUPPORTED_JSONATA_EXPRESSION"

	// Of warnings: what is valid, and hardly meant.
	CodeNoDollar     = "NO_DOLLAR"
	CodeNoPath       = "NO_PATH"
	CodeStaticResult = "PASS_RESULT_IS_STATIC"
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

// evaluates reports whether a literal text looks like a path or a call of an
// intrinsic function.
func evaluates(s string) bool {
	if isIntrinsic(s) {
		_, err := parseIntrinsic(s)
		return err == nil
	}
	if !strings.HasPrefix(s, "$.") && !strings.HasPrefix(s, "$$.") && !strings.HasPrefix(s, "$[") {
		return false
	}
	_, err := parsePath(s)
	return err == nil
}

// suspect warns of a literal that looks as if it were to be evaluated.
func (b *builder) suspect(v any, code, location, format string) {
	if s, ok := v.(string); ok && evaluates(s) {
		b.diagnostics = append(b.diagnostics, Diagnostic{SeverityWarning, code, fmt.Sprintf(format, s), location})
	}
}
