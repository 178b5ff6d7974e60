package client

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
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
		APIOptions:   []func(*middleware.Stack) error{oneHost},
	}, opts...)
}

// oneHost keeps the SDK from putting sync- before the host: ebb has one address
// for all operations.
func oneHost(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("oneHost", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
	}), middleware.Before)
}
