package workflow

import (
	"errors"
	"fmt"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Wire type names of the Step Functions API; docs/errors has a page for each.
const (
	TypeActivityDoesNotExist         = "ActivityDoesNotExist"
	TypeConflict                     = "ConflictException"
	TypeExecutionAlreadyExists       = "ExecutionAlreadyExists"
	TypeExecutionDoesNotExist        = "ExecutionDoesNotExist"
	TypeExecutionNotRedrivable       = "ExecutionNotRedrivable"
	TypeInvalidArn                   = "InvalidArn"
	TypeInvalidDefinition            = "InvalidDefinition"
	TypeInvalidEncryption            = "InvalidEncryptionConfiguration"
	TypeInvalidExecutionInput        = "InvalidExecutionInput"
	TypeInvalidLogging               = "InvalidLoggingConfiguration"
	TypeInvalidName                  = "InvalidName"
	TypeInvalidOutput                = "InvalidOutput"
	TypeInvalidToken                 = "InvalidToken"
	TypeMissingRequiredParameter     = "MissingRequiredParameter"
	TypeResourceNotFound             = "ResourceNotFound"
	TypeServiceQuotaExceeded         = "ServiceQuotaExceededException"
	TypeStateMachineAlreadyExists    = "StateMachineAlreadyExists"
	TypeStateMachineDeleting         = "StateMachineDeleting"
	TypeStateMachineDoesNotExist     = "StateMachineDoesNotExist"
	TypeStateMachineTypeNotSupported = "StateMachineTypeNotSupported"
	TypeTaskDoesNotExist             = "TaskDoesNotExist"
	TypeTaskTimedOut                 = "TaskTimedOut"
	TypeTooManyTags                  = "TooManyTags"
)

func invalid(typ, format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, typ, format, args...)
}

func noStateMachine(arn string) error {
	return ebb.Errorf(ebb.NotFound, TypeStateMachineDoesNotExist, "State Machine Does Not Exist: '%s'", arn)
}

func noExecution(arn string) error {
	return ebb.Errorf(ebb.NotFound, TypeExecutionDoesNotExist, "Execution Does Not Exist: '%s'", arn)
}

func noActivity(arn string) error {
	return ebb.Errorf(ebb.NotFound, TypeActivityDoesNotExist, "Activity Does Not Exist: '%s'", arn)
}

func noResource(arn string) error {
	return ebb.Errorf(ebb.NotFound, TypeResourceNotFound, "Resource not found: '%s'", arn)
}

// InvalidARN is the refusal of an ARN.
func InvalidARN(arn string) error {
	return invalid(TypeInvalidArn, "Invalid Arn: '%s'", arn)
}

// MapStateARN is the refusal of the ARN of a Map state where that of a state machine
// is asked for.
func MapStateARN(arn string) error {
	return invalid(ebb.TypeValidation, "The ARN of a Distributed Map state is not supported here: '%s'", arn)
}

// wrongKind is the refusal of an ARN of something else.
func wrongKind(kind string) error {
	return invalid(TypeInvalidArn, "Invalid Arn: 'Resource type not valid in this context: %s'", kind)
}

// found replaces store.ErrNotFound; every other error passes.
func found(err, instead error) error {
	if errors.Is(err, store.ErrNotFound) {
		return instead
	}
	return err
}

// failure is why a task failed: an error name and a cause as executions see them.
type failure struct {
	name, cause string
	noCause     bool
}

func (f *failure) Error() string { return f.name + ": " + f.cause }

func failuref(name, format string, args ...any) *failure {
	return &failure{name: name, cause: fmt.Sprintf(format, args...)}
}
