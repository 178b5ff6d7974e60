package workflow

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/jsonata"
)

// callService is a task that does an operation of an AWS API which ebb has.
func (e *Engine) callService(ctx context.Context, c *call, r asl.Resource) outcome {
	operation, _, _ := strings.Cut(r.API, ".")
	api, known := strings.CutPrefix(r.Type, "aws-sdk:")
	if known && api == "lambda" && operation == "invoke" {
		return textPayload(e.callInvoke(ctx, c))
	}
	if !known || operation == "" || e.deps.Call == nil {
		return failed(notOffered(c.Resource))
	}
	answer, ok, err := e.deps.Call(ctx, c.api(api, operation, []byte(c.Parameters.String())))
	if !ok {
		return failed(notOffered(c.Resource))
	}
	if err != nil {
		return notCalled(err, api)
	}
	if len(answer) == 0 {
		return succeeded(object())
	}
	v, err := asl.ParseValue(answer)
	if err != nil {
		return outcome{err: err}
	}
	return outcome{output: &v}
}

// textPayload makes the payload of an invocation text, which it is in the SDK.
func textPayload(o outcome) outcome {
	if o.output != nil {
		if answer, ok := o.output.V.(*jsonata.Object); ok {
			payload, _ := answer.Get("Payload")
			o.output = &asl.Value{V: answer.With("Payload", jsonata.Text(payload))}
		}
	}
	return o
}

// notOffered is how a task fails whose resource ebb does not have.
func notOffered(resource string) *failure {
	return failuref(asl.ErrRuntime, "The resource '%s' is not offered by this ebb. It calls functions, activities, state machines, HTTP endpoints, and the operations of lambda, sfn, s3, scheduler and eventbridge that it has.", resource)
}

// serviceNames are what error names begin with.
var serviceNames = map[string]string{"lambda": "Lambda", "sfn": "Sfn", "s3": "S3", "eventbridge": "EventBridge", "scheduler": "Scheduler"} // never changed

// notCalled is what a task makes of a refusal.
func notCalled(err error, api string) outcome {
	own, ok := errors.AsType[*ebb.Error](err)
	if !ok || own.Kind == ebb.Internal || own.Kind == ebb.Unavailable {
		return outcome{err: err}
	}
	prefix := serviceNames[api]
	if prefix == "" {
		prefix = api
	}
	name := own.Type
	if !strings.HasSuffix(name, "Exception") {
		name += "Exception"
	}
	return failed(failuref(prefix+"."+name, "%s (Service: %s, Status Code: %d, Request ID: %s) (SDK Attempt Count: 1)", own.Message, prefix, own.Kind.Status(), uuid.NewString()))
}

// document is a JSON object of a task's parameters, or nil.
func document(v asl.Value) *jsonata.Object {
	o, _ := v.V.(*jsonata.Object)
	return o
}
