package client

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Buckets returns the AWS SDK's S3 client for this platform's own S3 endpoint,
// by way of the management API. It acts with the keys, whose service a bucket
// that it makes belongs to: Config.Service does not count. It tries each request
// once, like Lambda's.
func (c *Client) Buckets(opts ...func(*s3.Options)) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(c.base.String()),
		Region:       c.cfg.Region,
		Credentials:  aws.CredentialsProviderFunc(c.credentials),
		HTTPClient:   steady{c.http},
		Retryer:      aws.NopRetryer{},
		UsePathStyle: true,
		// Bodies are sent as they are, not in chunks with a checksum behind.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}, opts...)
}
