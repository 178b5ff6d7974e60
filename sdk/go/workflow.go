package client

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Workflows returns the AWS SDK's Step Functions client for this platform. It
// tries each request once, like Lambda's.
func (c *Client) Workflows(opts ...func(*sfn.Options)) *sfn.Client {
	return sfn.New(sfn.Options{
		BaseEndpoint: aws.String(c.base.String()),
		Region:       c.cfg.Region,
		Credentials:  aws.CredentialsProviderFunc(c.credentials),
		HTTPClient:   steady{c.http},
		Retryer:      aws.NopRetryer{},
		APIOptions:   append(c.apiOptions(), oneHost),
	}, opts...)
}

// oneHost keeps the SDK from putting sync- before the host: ebb has one address
// for all operations.
func oneHost(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("oneHost", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
	}), middleware.Before)
}

// WorkflowEvent is one event of an execution's history. The API has a structure
// for the details of each of some sixty kinds; here they are one. What a kind
// does not have is zero.
type WorkflowEvent struct {
	ID           int64     `json:"id"`
	Previous     int64     `json:"previousEventId"`
	Time         time.Time `json:"timestamp"`
	Type         string    `json:"type"`
	Name         string    `json:"name,omitempty"` // of a state, or of the Map state of an iteration
	Index        int64     `json:"index,omitempty"`
	Length       int64     `json:"length,omitempty"` // of a Map state
	Resource     string    `json:"resource,omitempty"`
	ResourceType string    `json:"resourceType,omitempty"`
	Parameters   string    `json:"parameters,omitempty"`
	Input        string    `json:"input,omitempty"`
	Output       string    `json:"output,omitempty"`
	Error        string    `json:"error,omitempty"`
	Cause        string    `json:"cause,omitempty"`
	MapRunARN    string    `json:"mapRunArn,omitempty"`
}

// historyPage is how many events are asked for at a time.
const historyPage = 1000

// WorkflowEvents returns the events of an execution after one (0: all), in order.
func (c *Client) WorkflowEvents(ctx context.Context, execution string, after int64) ([]WorkflowEvent, error) {
	var events []WorkflowEvent
	// From the end, because the API knows no "after": what is known already is
	// not read again.
	pages := sfn.NewGetExecutionHistoryPaginator(c.Workflows(), &sfn.GetExecutionHistoryInput{
		ExecutionArn: &execution, ReverseOrder: after > 0, MaxResults: historyPage, IncludeExecutionData: aws.Bool(true),
	})
	for more := true; more && pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for i := range page.Events {
			if more = page.Events[i].Id > after; !more {
				break
			}
			events = append(events, workflowEvent(&page.Events[i]))
		}
	}
	if after > 0 {
		slices.Reverse(events)
	}
	return events, nil
}

// workflowEvent finds the details of an event, which is the one field that is set.
func workflowEvent(e *types.HistoryEvent) WorkflowEvent {
	out := WorkflowEvent{ID: e.Id, Previous: e.PreviousEventId, Time: aws.ToTime(e.Timestamp), Type: string(e.Type)}
	v := reflect.ValueOf(e).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); strings.HasSuffix(v.Type().Field(i).Name, "EventDetails") && !f.IsNil() {
			out.fill(f.Elem())
		}
	}
	return out
}

func (e *WorkflowEvent) fill(details reflect.Value) {
	for name, dst := range map[string]*string{
		"Name": &e.Name, "Resource": &e.Resource, "ResourceType": &e.ResourceType, "Parameters": &e.Parameters,
		"Input": &e.Input, "Output": &e.Output, "Error": &e.Error, "Cause": &e.Cause, "MapRunArn": &e.MapRunARN,
	} {
		if f := details.FieldByName(name); f.IsValid() {
			if s, ok := f.Interface().(*string); ok {
				*dst = aws.ToString(s)
			}
		}
	}
	for name, dst := range map[string]*int64{"Index": &e.Index, "Length": &e.Length} {
		if f := details.FieldByName(name); f.IsValid() && f.CanInt() {
			*dst = f.Int()
		}
	}
}
