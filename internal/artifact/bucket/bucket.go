package bucket

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Buckets are those of one endpoint. They are safe for concurrent use.
type Buckets struct {
	client    *s3.Client
	transport *http.Transport
}

// New makes the client of a configured endpoint. It does no I/O.
func New(cfg Config) *Buckets {
	t := http.DefaultTransport.(*http.Transport).Clone()
	return &Buckets{transport: t, client: s3.New(s3.Options{
		BaseEndpoint: &cfg.Endpoint,
		Region:       cmp.Or(cfg.Region, "us-east-1"),
		Credentials:  credentials(cfg),
		UsePathStyle: !cfg.VirtualHosts,
		HTTPClient:   &http.Client{Transport: t},
		// Not every endpoint sends them; packages have a digest of their own.
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})}
}

// Close lets idle connections go.
func (b *Buckets) Close() { b.transport.CloseIdleConnections() }

func credentials(cfg Config) aws.CredentialsProvider {
	if cfg.AccessKeyID == "" {
		return aws.AnonymousCredentials{}
	}
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		secret := cfg.SecretAccessKey
		if cfg.SecretAccessKeyFile != "" {
			text, err := os.ReadFile(cfg.SecretAccessKeyFile)
			if err != nil {
				return aws.Credentials{}, err
			}
			secret = strings.TrimSpace(string(text))
		}
		return aws.Credentials{AccessKeyID: cfg.AccessKeyID, SecretAccessKey: secret, Source: "s3.accessKeyID"}, nil
	})
}

// Open opens an object; version "" is its newest. The caller closes it. Errors:
// Invalid with the endpoint's own code, Unavailable if it cannot be reached.
func (b *Buckets) Open(ctx context.Context, bucket, key, version string) (io.ReadCloser, error) {
	in := &s3.GetObjectInput{Bucket: &bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	out, err := b.client.GetObject(ctx, in)
	if err == nil {
		return out.Body, nil
	}
	if refused, ok := errors.AsType[smithy.APIError](err); ok && refused.ErrorFault() != smithy.FaultServer {
		return nil, &ebb.Error{Kind: ebb.Invalid, Type: ebb.TypeInvalidParameterValue, Cause: err,
			Message: "Error occurred while GetObject. S3 Error Code: " + refused.ErrorCode() + ". S3 Error Message: " + refused.ErrorMessage()}
	}
	return nil, &ebb.Error{Kind: ebb.Unavailable, Type: ebb.TypeServiceUnavailable, Cause: err,
		Message: "S3Bucket: the object store of this platform (s3.endpoint) does not answer"}
}
