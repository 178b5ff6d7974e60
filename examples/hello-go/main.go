// hello-go says hello with AWS's own library for Go, unchanged: to an invocation
// with {"name": …}, and to a browser on its URL.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"log"
	"net/http"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// event is what both kinds of caller send.
type event struct {
	Name                  string            `json:"name"`
	QueryStringParameters map[string]string `json:"queryStringParameters"`
	RequestContext        json.RawMessage   `json:"requestContext"` // from the function URL only
}

type answer struct {
	Message   string `json:"message"`
	Function  string `json:"function"`
	RequestID string `json:"requestId"`
}

// response is what a function URL turns into an HTTP response.
type response struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       string            `json:"body"`
}

func handle(ctx context.Context, e event) (any, error) {
	name := cmp.Or(e.Name, e.QueryStringParameters["name"], "world")
	log.Print("saying hello to ", name) // goes to the function's log
	a := answer{Message: "Hello, " + name + ", from Go!", Function: lambdacontext.FunctionName}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		a.RequestID = lc.AwsRequestID
	}
	if e.RequestContext == nil {
		return a, nil
	}
	body, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	return response{http.StatusOK, map[string]string{"content-type": "application/json"}, string(body)}, nil
}

func main() { lambda.Start(handle) }
