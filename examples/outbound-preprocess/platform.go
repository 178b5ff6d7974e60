package outbound

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Through returns an Invoke that calls functions through the Lambda API. Both
// functions of this example may run twice without harm, so a call that was
// throttled or lost on the way is tried again.
func Through(api *lambda.Client) Invoke {
	again := func(o *lambda.Options) { o.Retryer = retry.NewStandard() }
	return func(ctx context.Context, function string, payload []byte) ([]byte, error) {
		out, err := api.Invoke(ctx, &lambda.InvokeInput{FunctionName: &function, Payload: payload}, again)
		if err != nil {
			return nil, err
		}
		if out.FunctionError != nil {
			return nil, fmt.Errorf("%s failed (%s): %s", function, aws.ToString(out.FunctionError), out.Payload)
		}
		return out.Payload, nil
	}
}
