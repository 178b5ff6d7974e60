package objects

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Objects are the buckets of one endpoint. They are safe for concurrent use.
type Objects struct {
	cfg       Config
	transport *http.Transport
	client    *s3.Client
	own       sync.Map // actor → *s3.Client, of the platform's own endpoint
}

// actor is for whom requests to the platform's own endpoint are made.
type actor struct {
	service ebb.ServiceID
	role    string
}

// New makes the client of a configured endpoint. It does no I/O.
func New(cfg Config) *Objects {
	t := http.DefaultTransport.(*http.Transport).Clone()
	o := &Objects{cfg: cfg, transport: t}
	if cfg.Endpoint == "" {
		t.Proxy = nil
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return cfg.Own.Dial(ctx) }
		t.MaxIdleConnsPerHost = 16
		return o
	}
	o.client = o.open(cfg.Endpoint, credentials(cfg))
	return o
}

func (o *Objects) open(endpoint string, by aws.CredentialsProvider) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &endpoint,
		Region:       cmp.Or(o.cfg.Region, "us-east-1"),
		Credentials:  by,
		UsePathStyle: !o.cfg.VirtualHosts,
		HTTPClient:   &http.Client{Transport: o.transport},
		// Not every endpoint knows the newer checksums.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
}

// Close lets idle connections go.
func (o *Objects) Close() { o.transport.CloseIdleConnections() }

// As is the SDK's client for a service, and for a role of it unless that is "":
// then it may do all that the service's owner may to the service's buckets. A
// role is named by its name or ARN. A configured endpoint has one client for all.
func (o *Objects) As(service ebb.ServiceID, role string) *s3.Client {
	if o.client != nil {
		return o.client
	}
	who := actor{service, role}
	if c, ok := o.own.Load(who); ok {
		return c.(*s3.Client)
	}
	c, _ := o.own.LoadOrStore(who, o.open(ownEndpoint, aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return o.cfg.Own.Sign(service, role), nil
	})))
	return c.(*s3.Client)
}

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
		return aws.Credentials{AccessKeyID: cfg.AccessKeyID, SecretAccessKey: secret, Source: "objects.accessKeyID"}, nil
	})
}

// Open opens an object; version "" is its newest. The caller closes it. Errors:
// Invalid with the endpoint's own code, Unavailable if it cannot be reached.
func (o *Objects) Open(ctx context.Context, service ebb.ServiceID, bucket, key, version string) (io.ReadCloser, error) {
	in := &s3.GetObjectInput{Bucket: &bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	out, err := o.As(service, "").GetObject(ctx, in)
	if err != nil {
		return nil, refused("GetObject", err)
	}
	return out.Body, nil
}

// Put writes an object of size bytes, with metadata.
func (o *Objects) Put(ctx context.Context, service ebb.ServiceID, bucket, key, contentType string, body io.Reader, size int64, metadata map[string]string) error {
	_, err := o.As(service, "").PutObject(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, Body: body, ContentLength: &size, ContentType: &contentType, Metadata: metadata,
	})
	return refused("PutObject", err)
}

// Object is one entry of a bucket's list.
type Object struct {
	Key          string
	ETag         string // in quotes
	Size         int64
	LastModified time.Time
	StorageClass string
}

// List calls each with the objects under a prefix, by key, from behind a key on,
// until it returns false.
func (o *Objects) List(ctx context.Context, service ebb.ServiceID, bucket, prefix, after string, each func(Object) bool) error {
	in := &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix}
	if after != "" {
		in.StartAfter = &after
	}
	pages := s3.NewListObjectsV2Paginator(o.As(service, ""), in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return refused("ListObjectsV2", err)
		}
		for _, e := range page.Contents {
			if !each(Object{
				Key: aws.ToString(e.Key), ETag: aws.ToString(e.ETag), Size: aws.ToInt64(e.Size),
				LastModified: aws.ToTime(e.LastModified), StorageClass: string(e.StorageClass),
			}) {
				return nil
			}
		}
	}
	return nil
}

// Said is the endpoint's own code and message of why it refused, "" if it did
// not say.
func Said(err error) (code, message string) {
	if said, ok := errors.AsType[smithy.APIError](err); ok {
		return said.ErrorCode(), said.ErrorMessage()
	}
	return "", ""
}

// refused words what an endpoint answered to an operation.
func refused(operation string, err error) error {
	if err == nil {
		return nil
	}
	if said, ok := errors.AsType[smithy.APIError](err); ok && said.ErrorFault() != smithy.FaultServer {
		return &ebb.Error{Kind: ebb.Invalid, Type: ebb.TypeInvalidParameterValue, Cause: err,
			Message: "Error occurred while " + operation + ". S3 Error Code: " + said.ErrorCode() + ". S3 Error Message: " + said.ErrorMessage()}
	}
	return &ebb.Error{Kind: ebb.Unavailable, Type: ebb.TypeServiceUnavailable, Cause: err,
		Message: "S3Bucket: the object store of this platform (objects.endpoint) does not answer"}
}
