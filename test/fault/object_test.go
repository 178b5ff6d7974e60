package fault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// objects is the AWS SDK's client of a platform's own S3 endpoint.
func objects(t *testing.T, p *platform.Platform) *s3.Client {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.Data, "server.json"))
	if err != nil {
		t.Fatal(err)
	}
	var at struct{ S3 string }
	if err := json.Unmarshal(text, &at); err != nil {
		t.Fatal(err)
	}
	c := p.Client.Config()
	return s3.New(s3.Options{Region: c.Region, BaseEndpoint: &at.S3, UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, "")})
}

// unavailable reports whether an endpoint said that it is not the caller's fault.
func unavailable(err error) bool {
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	return ok && answer.HTTPStatusCode() >= 500
}

// TestFullBuckets: when the file system of the buckets is full, writes are refused
// as the server's fault and leave nothing behind; what is there is read, and can be
// removed to make room. With room all is well, and every object that was
// acknowledged has had its event.
func TestFullBuckets(t *testing.T) {
	disk := small(t, 48)
	p := start(t, place(t), configured(t, "s3: {dir: "+filepath.Join(disk, "s3")+"}\n")...)
	ctx, c, b := t.Context(), objects(t, p), aws.String("inbox")
	create(t, p, python("f", "def handler(event, context):\n    r = event['Records'][0]\n    print(r['eventName'], r['s3']['object']['key'], '.')\n"))
	if _, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: b}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Client.CreateTrigger(ctx, "t", client.TriggerSettings{Target: "f",
		Object: json.RawMessage(`{"bucket":"inbox","events":["s3:ObjectCreated:*","s3:ObjectRemoved:*"]}`)}); err != nil {
		t.Fatal(err)
	}
	put := func(key string, size int) error {
		_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: &key, Body: bytes.NewReader(bytes.Repeat([]byte("x"), size))})
		return err
	}
	if err := errors.Join(put("first", 1<<20), put("second", 4<<20)); err != nil {
		t.Fatal(err)
	}
	upload, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: b, Key: aws.String("parts")})
	if err != nil {
		t.Fatal(err)
	}
	part := func() (*s3.UploadPartOutput, error) {
		return c.UploadPart(ctx, &s3.UploadPartInput{Bucket: b, Key: aws.String("parts"), UploadId: upload.UploadId, PartNumber: aws.Int32(1),
			Body: bytes.NewReader(make([]byte, 5<<20))})
	}
	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	for size := range []int{1, 100, 2 << 20} {
		if err := put(fmt.Sprint("refused-", size), 2<<20+size); !unavailable(err) {
			t.Errorf("a put on a full disk: %v", err)
		}
	}
	if _, err := part(); !unavailable(err) {
		t.Errorf("a part on a full disk: %v", err)
	}
	if got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: aws.String("first")}); err != nil {
		t.Error(err)
	} else if text, err := io.ReadAll(got.Body); err != nil || len(text) != 1<<20 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b, Key: aws.String("second")}); err != nil {
		t.Errorf("room cannot be made: %v", err)
	}
	if err := put("third", 1<<20); err != nil {
		t.Errorf("a put where there is room again: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	uploaded, err := part()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: b, Key: aws.String("parts"), UploadId: upload.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{ETag: uploaded.ETag, PartNumber: aws.Int32(1)}}}}); err != nil {
		t.Fatal(err)
	}
	listed, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, o := range listed.Contents {
		keys = append(keys, *o.Key)
	}
	if got := strings.Join(keys, " "); got != "first parts third" {
		t.Errorf("the bucket holds %s", got)
	}
	eventually(t, func() error {
		out, errs, code, err := p.CLI(ctx, "logs", "f")
		if err != nil || code != 0 {
			return fmt.Errorf("exit %d, %w: %s", code, err, errs)
		}
		for _, want := range []string{"ObjectCreated:Put first .", "ObjectCreated:Put second .", "ObjectRemoved:Delete second .", "ObjectCreated:Put third .",
			"ObjectCreated:CompleteMultipartUpload parts ."} {
			if !strings.Contains(out, want) {
				return errors.New("no event " + want)
			}
		}
		if strings.Contains(out, "refused") {
			t.Fatal("an event of an object that was refused")
		}
		return nil
	})
}
