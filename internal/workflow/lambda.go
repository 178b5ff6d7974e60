package workflow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/jsonata"
)

// answer is a function's answer, kept whole.
type answerSink struct {
	id   string // of the invocation
	head ebb.Head
	body bytes.Buffer
}

func (a *answerSink) Head(h ebb.Head) error {
	a.head = h
	return nil
}

// maxAnswer is how much of an answer is kept: what is over the limit of a
// payload fails the task anyway.
const maxAnswer = 6 << 20

func (a *answerSink) Write(p []byte) (int, error) {
	if room := maxAnswer - a.body.Len(); room < len(p) {
		a.body.Write(p[:max(room, 0)])
		return len(p), nil
	}
	return a.body.Write(p)
}

// invocation is a function call that a task makes.
type invocation struct {
	ref     ebb.FunctionRef
	payload []byte
	context []byte
	event   bool // InvocationType Event
	dry     bool
}

// callFunction is a task whose resource is a function's ARN.
func (e *Engine) callFunction(ctx context.Context, c *call) outcome {
	ref, err := ebb.ParseFunctionRef(c.Resource)
	if err != nil {
		return failed(failuref(asl.ErrRuntime, "%s", messageOf(err)))
	}
	sink, _, o := e.invoke(ctx, c, &invocation{ref: ref, payload: []byte(c.Parameters.String())}, "Lambda")
	if sink == nil {
		return o
	}
	v, err := asl.ParseValue(sink.body.Bytes())
	if err != nil {
		return succeeded(sink.body.String())
	}
	return outcome{output: &v}
}

// callInvoke is arn:aws:states:::lambda:invoke.
func (e *Engine) callInvoke(ctx context.Context, c *call) outcome {
	inv, fail := readInvoke(c.Parameters)
	if fail != nil {
		return failed(fail)
	}
	sink, res, o := e.invoke(ctx, c, inv, "Lambda")
	if sink == nil {
		return o
	}
	var payload any = jsonata.NewObject(0)
	if sink.body.Len() > 0 {
		if v, err := asl.ParseValue(sink.body.Bytes()); err == nil {
			payload = v.V
		} else {
			payload = sink.body.String()
		}
	}
	status := 200
	switch {
	case inv.event:
		status = 202
	case inv.dry:
		status = 204
	}
	number := jsonata.Number(strconv.Itoa(status))
	length := strconv.Itoa(sink.body.Len())
	date := e.cfg.Now().UTC().Format(http.TimeFormat)
	all := object("X-Amz-Executed-Version", array(res.Version), "x-amzn-Remapped-Content-Length", array("0"), "Connection", array("keep-alive"),
		"x-amzn-RequestId", array(sink.id), "Content-Length", array(length), "Date", array(date), "Content-Type", array("application/json"))
	headers := object("Connection", "keep-alive", "Content-Length", length, "Content-Type", "application/json", "Date", date,
		"X-Amz-Executed-Version", res.Version, "x-amzn-Remapped-Content-Length", "0", "x-amzn-RequestId", sink.id)
	return succeeded(object("ExecutedVersion", res.Version, "Payload", payload,
		"SdkHttpMetadata", object("AllHttpHeaders", all, "HttpHeaders", headers, "HttpStatusCode", number),
		"SdkResponseMetadata", object("RequestId", sink.id), "StatusCode", number))
}

func array(v any) any { return []any{v} }

func object(members ...any) *jsonata.Object {
	o := jsonata.NewObject(len(members) / 2)
	for i := 0; i+1 < len(members); i += 2 {
		o.Set(members[i].(string), members[i+1])
	}
	return o
}

// readInvoke reads the parameters of lambda:invoke.
func readInvoke(v asl.Value) (*invocation, *failure) {
	o, ok := v.V.(*jsonata.Object)
	if !ok {
		return nil, failuref(asl.ErrRuntime, "The Parameters '%s' could not be used to start the Task: [The parameters must be an object]", v)
	}
	inv := &invocation{payload: []byte("{}")}
	for i := range o.Len() {
		name, value := o.At(i)
		s, isText := value.(string)
		switch {
		case name == "FunctionName" && isText:
			ref, err := ebb.ParseFunctionRef(s)
			if err != nil {
				return nil, failuref("Lambda.ValidationException", "%s", messageOf(err))
			}
			if inv.ref.Qualifier != "" && ref.Qualifier == "" {
				ref.Qualifier = inv.ref.Qualifier
			}
			inv.ref = ref
		case name == "Payload":
			inv.payload = []byte(jsonata.Text(value))
		case name == "Qualifier" && isText:
			inv.ref.Qualifier = s
		case name == "ClientContext" && isText:
			inv.context = []byte(s)
		case name == "InvocationType" && isText:
			inv.event, inv.dry = s == "Event", s == "DryRun"
		case name == "LogType" && isText:
		default:
			return nil, failuref(asl.ErrRuntime, "The Parameters '%s' could not be used to start the Task: [The field \"%s\" is not supported by Step Functions]", v, name)
		}
	}
	if inv.ref.Name == "" {
		return nil, failuref(asl.ErrRuntime, "The Parameters '%s' could not be used to start the Task: [The required field \"FunctionName\" is missing]", v)
	}
	return inv, nil
}

// invoke runs a function. sink is nil when that is o: a failure, or nothing known.
func (e *Engine) invoke(ctx context.Context, c *call, inv *invocation, prefix string) (sink *answerSink, res ebb.Result, o outcome) {
	id := e.invocationID(c)
	key := ebb.FunctionKey{Service: inv.ref.Service, Name: inv.ref.Name}
	if key.Service == "" {
		key.Service = c.execution.Service
	}
	arn := ebb.FunctionARN(e.cfg.Region, key, inv.ref.Qualifier)
	if key.Service != c.execution.Service || e.permit(ctx, c, "lambda:InvokeFunction", arn) != nil {
		return nil, res, failed(failuref(prefix+".AccessDeniedException", "User: %s is not authorized to perform: lambda:InvokeFunction on resource: %s (Service: Lambda, Status Code: 403, Request ID: %s)",
			c.role(), arn, id))
	}
	sink = &answerSink{id: id}
	what := &ebb.Invocation{
		ID: ebb.InvocationID(id), FunctionKey: key, Qualifier: inv.ref.Qualifier,
		Payload: inv.payload, ClientContext: inv.context, TraceID: c.execution.Settings.TraceHeader,
	}
	var err error
	switch {
	case inv.dry:
	case inv.event:
		err = e.deps.Accept(ctx, what)
	default:
		res, err = e.deps.Invoke(ctx, what, sink)
	}
	if err != nil {
		return nil, res, notInvoked(err, prefix, id)
	}
	if sink.head.FunctionError != "" {
		return nil, res, failed(functionError(sink.body.Bytes(), prefix))
	}
	return sink, res, o
}

// invocationID is a new id by which the execution's log finds what the function
// writes: see ebb.InvocationPrefix. Children of a map run share its prefix.
func (e *Engine) invocationID(c *call) string {
	arn := c.execution.ARN(e.cfg.Region)
	if c.execution.MapRun != "" {
		arn = ebb.StatesARN{Region: e.cfg.Region, Service: c.execution.Service, Kind: "mapRun", Name: c.execution.Machine, Rest: c.execution.MapRun}.String()
	}
	prefix := ebb.InvocationPrefix(arn)
	return prefix + uuid.NewString()[len(prefix):]
}

// notInvoked is what a task makes of an invocation that did not happen.
func notInvoked(err error, prefix, id string) outcome {
	own, ok := errors.AsType[*ebb.Error](err)
	if !ok || own.Kind == ebb.Internal || own.Kind == ebb.Unavailable {
		return outcome{err: err}
	}
	return failed(failuref(prefix+"."+own.Type, "%s (Service: Lambda, Status Code: %d, Request ID: %s)", own.Message, own.Kind.Status(), id))
}

// functionError is what a task makes of a function's error document.
func functionError(document []byte, prefix string) *failure {
	var doc struct {
		ErrorType string `json:"errorType"`
	}
	text := strings.TrimSpace(string(document))
	if err := json.Unmarshal(document, &doc); err != nil || doc.ErrorType == "" {
		return failuref(prefix+".Unknown", "The cause could not be determined because Lambda did not return an error type. Returned payload: %s", text)
	}
	return &failure{name: doc.ErrorType, cause: text}
}

func messageOf(err error) string {
	if own, ok := errors.AsType[*ebb.Error](err); ok {
		return own.Message
	}
	return err.Error()
}
