package workflow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// ObjectsConfig is where the buckets are that distributed Maps read and write.
type ObjectsConfig struct {
	Endpoint        string `yaml:"endpoint"` // of an S3 server; "" = ItemReader and ResultWriter are not offered
	Region          string `yaml:"region"`
	PathStyle       bool   `yaml:"pathStyle"`
	AccessKeyID     string `yaml:"accessKeyId"`
	SecretAccessKey string `yaml:"secretAccessKey"`
}

// Objects are buckets and what is in them, for the readers and writers of
// distributed Maps. A func that is nil is not offered.
type Objects struct {
	Get func(ctx context.Context, service ebb.ServiceID, bucket, key string) (io.ReadCloser, error)
	Put func(ctx context.Context, service ebb.ServiceID, bucket, key string, body io.Reader, size int64) error
	// List calls each with the objects under a prefix, by key, until it returns false.
	List func(ctx context.Context, service ebb.ServiceID, bucket, prefix string, each func(Object) bool) error
}

// Object is one entry of a bucket's list.
type Object struct {
	Key          string
	ETag         string
	Size         int64
	LastModified time.Time
	StorageClass string
}

// NewObjects are the buckets of an S3 server; without an endpoint there are none.
func NewObjects(cfg ObjectsConfig) Objects {
	if cfg.Endpoint == "" {
		return Objects{}
	}
	client := s3.New(s3.Options{
		Region: cfg.Region, BaseEndpoint: &cfg.Endpoint, UsePathStyle: cfg.PathStyle,
		Credentials: credentials.NewStaticCredentialsProvider(cfg.AccessKeyID, cfg.SecretAccessKey, ""),
		// Other makers' servers do not know the newer checksums.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
	return Objects{
		Get: func(ctx context.Context, _ ebb.ServiceID, bucket, key string) (io.ReadCloser, error) {
			out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
			if err != nil {
				return nil, objectError(err)
			}
			return out.Body, nil
		},
		Put: func(ctx context.Context, _ ebb.ServiceID, bucket, key string, body io.Reader, size int64) error {
			_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: body, ContentLength: &size, ContentType: aws.String("application/json")})
			return objectError(err)
		},
		List: func(ctx context.Context, _ ebb.ServiceID, bucket, prefix string, each func(Object) bool) error {
			pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					return objectError(err)
				}
				for _, o := range page.Contents {
					if !each(Object{
						Key: aws.ToString(o.Key), ETag: aws.ToString(o.ETag), Size: aws.ToInt64(o.Size),
						LastModified: aws.ToTime(o.LastModified), StorageClass: string(o.StorageClass),
					}) {
						return nil
					}
				}
			}
			return nil
		},
	}
}

// objectError is what the server said, without how it was asked.
func objectError(err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	return err
}
