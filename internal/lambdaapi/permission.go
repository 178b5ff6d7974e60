package lambdaapi

import (
	"strings"

	"github.com/ebb-faas/ebb/internal/awswire"
)

// Action is what permissions call an operation of this API.
func Action(operation string) string {
	if operation == opInvoke || operation == "InvokeWithResponseStream" {
		operation = "InvokeFunction"
	}
	return "lambda:" + operation
}

// Routes lists the operations of the service model.
func Routes() []awswire.Operation { return service().Operations }

// admit asks for every operation, before its handler, whether the caller may do
// it. What is about one thing is asked again when that is known, in target;
// all else is about the service as a whole.
func (a *API) admit(c *call) error {
	if namesResource(c.op) {
		return a.auth.Admit(c.principal, Action(c.op.Name))
	}
	return a.auth.Authorize(c.principal, Action(c.op.Name), "*")
}

func namesResource(op *awswire.Operation) bool {
	return strings.Contains(op.Path, "{FunctionName}") || strings.Contains(op.Path, "{CodeSigningConfigArn}") || strings.Contains(op.Path, "{Resource}") || op.Name == "CreateFunction"
}
