package deliver

import (
	"bytes"
	"context"
	"path"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// S3 writes deliveries as objects.
type S3 struct {
	client *s3.Client
}

// NewS3 makes the target.
func NewS3(cfg S3Config) *S3 {
	return &S3{client: s3.New(s3.Options{
		Region:       cfg.Region,
		BaseEndpoint: aws.String(cfg.Endpoint),
		UsePathStyle: cfg.PathStyle,
		Credentials:  credentials.NewStaticCredentialsProvider(cfg.AccessKeyID, cfg.SecretAccessKey, ""),
		// Other makers' servers do not know the newer checksums.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})}
}

// Check implements Target.
func (s *S3) Check(ebb.Target) error { return nil }

// Deliver implements Target. The key is AWS's, below the target's prefix; it is
// the same however often one delivery is made.
func (s *S3) Deliver(ctx context.Context, t ebb.Target, d *Delivery) error {
	metadata := make(map[string]string, len(d.Attributes))
	for name, value := range d.Attributes {
		metadata[name] = oneLine(value)
	}
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &t.Bucket, Key: aws.String(path.Join(t.Prefix, objectKey(d))),
		Body: bytes.NewReader(d.Content), ContentType: aws.String("application/json"), Metadata: metadata,
	})
	return err
}

func objectKey(d *Delivery) string {
	return "aws/lambda/async/" + d.Function.Name + "/" + d.At.Format("2006/01/02/2006-01-02T15.04.05-") + string(d.Request)
}

// Close implements Target.
func (s *S3) Close() error { return nil }
