package asl

import "fmt"

// Names of errors that the States Language defines.
const (
	ErrAll                = "States.ALL"
	ErrTimeout            = "States.Timeout"
	ErrHeartbeatTimeout   = "States.HeartbeatTimeout"
	ErrTaskFailed         = "States.TaskFailed"
	ErrPermissions        = "States.Permissions"
	ErrRuntime            = "States.Runtime"
	ErrDataLimitExceeded  = "States.DataLimitExceeded"
	ErrResultPathMatch    = "States.ResultPathMatchFailure"
	ErrParameterPath      = "States.ParameterPathFailure"
	ErrBranchFailed       = "States.BranchFailed"
	ErrNoChoiceMatched    = "States.NoChoiceMatched"
	ErrIntrinsicFailure   = "States.IntrinsicFailure"
	ErrToleratedExceeded  = "States.ExceedToleratedFailureThreshold"
	ErrItemReaderFailed   = "States.ItemReaderFailed"
	ErrResultWriterFailed = "States.ResultWriterFailed"
	ErrQueryEvaluation    = "States.QueryEvaluationError"
)

// failure is why a state failed. located tells that the cause still needs to say
// which state it is about.
type failure struct {
	name     string
	cause    string
	noCause  bool   // the cause is absent, not empty
	noName   bool   // the error name is absent, not empty
	field    string // States.QueryEvaluationError: where, for the EvaluationFailed event
	located  bool
	fromTask bool // a task or a child failed, not the evaluation of a field
}

func (f *failure) Error() string { return f.name + ": " + f.cause }

// Failure is why something outside of an execution's own decisions failed: an
// error name and a cause.
type Failure struct{ Name, Cause string }

func (f *Failure) Error() string { return f.Name + ": " + f.Cause }

// failf is a failure of evaluating a state's field.
func failf(name, format string, args ...any) *failure {
	return &failure{name: name, cause: fmt.Sprintf(format, args...), located: true}
}

// matches reports whether a Retry or Catch that lists an error applies.
func (f *failure) matches(names []string) bool {
	for _, n := range names {
		switch {
		case f.name == ErrRuntime:
			// Never retried and never caught.
		case n == ErrAll:
			if f.name != ErrDataLimitExceeded {
				return true
			}
		case n == f.name && !f.noName:
			return true
		case n == ErrTaskFailed:
			if f.fromTask && f.name != ErrTimeout {
				return true
			}
		case n == ErrTimeout && f.name == ErrHeartbeatTimeout:
			return true
		}
	}
	return false
}
