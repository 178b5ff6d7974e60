package child

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/s3response"
)

// created is what follows the making of an object. err is how that went; it
// returns how it went with the object on the disk.
func (b *buckets) created(i *intent, err error, size *int64, etag, version string) error {
	if err != nil {
		b.dropped(i)
		return err
	}
	err = b.settle(i.Bucket, i.Key)
	i.ETag, i.Version = unquoted(etag), version
	if size != nil {
		i.Size = *size
	} else if out, err := b.HeadObject(context.Background(), &awss3.HeadObjectInput{Bucket: &i.Bucket, Key: &i.Key}); err == nil {
		i.Size = aws.ToInt64(out.ContentLength)
	}
	b.happened(i) // also of one that may not be on the disk: it is seen
	return err
}

// PutObject is told as ObjectCreated:Put, or Post if a form was posted.
func (b *buckets) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	name := "ObjectCreated:Put"
	if r, ok := ctx.(*fasthttp.RequestCtx); ok && r.IsPost() {
		name = "ObjectCreated:Post"
	}
	i := b.event(ctx, name, *in.Bucket, *in.Key)
	if err := b.began(i); err != nil {
		return s3response.PutObjectOutput{}, err
	}
	out, err := b.Backend.PutObject(ctx, in)
	return out, b.created(i, err, out.Size, out.ETag, out.VersionID)
}

// CopyObject is told as ObjectCreated:Copy.
func (b *buckets) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (s3response.CopyObjectOutput, error) {
	i := b.event(ctx, "ObjectCreated:Copy", *in.Bucket, *in.Key)
	if err := b.began(i); err != nil {
		return s3response.CopyObjectOutput{}, err
	}
	out, err := b.Backend.CopyObject(ctx, in)
	etag := ""
	if out.CopyObjectResult != nil {
		etag = aws.ToString(out.CopyObjectResult.ETag)
	}
	return out, b.created(i, err, nil, etag, aws.ToString(out.VersionId))
}

// CompleteMultipartUpload is told as ObjectCreated:CompleteMultipartUpload.
func (b *buckets) CompleteMultipartUpload(ctx context.Context, in *awss3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	i := b.event(ctx, "ObjectCreated:CompleteMultipartUpload", *in.Bucket, *in.Key)
	if err := b.began(i); err != nil {
		return s3response.CompleteMultipartUploadResult{}, "", err
	}
	out, version, err := b.Backend.CompleteMultipartUpload(ctx, in)
	return out, version, b.created(i, err, nil, aws.ToString(out.ETag), version)
}

// there reports whether a key has an object.
func (b *buckets) there(ctx context.Context, bucket, key string) bool {
	_, err := b.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &bucket, Key: &key})
	return err == nil
}

// DeleteObject is told as ObjectRemoved:Delete or DeleteMarkerCreated, if there was
// anything to remove.
func (b *buckets) DeleteObject(ctx context.Context, in *awss3.DeleteObjectInput) (*awss3.DeleteObjectOutput, error) {
	i := b.event(ctx, "ObjectRemoved:Delete", *in.Bucket, *in.Key)
	was := aws.ToString(in.VersionId) != "" || b.there(ctx, *in.Bucket, *in.Key)
	if err := b.began(i); err != nil {
		return nil, err
	}
	out, err := b.Backend.DeleteObject(ctx, in)
	if err != nil {
		b.dropped(i)
		return out, err
	}
	marker := out != nil && aws.ToBool(out.DeleteMarker) && aws.ToString(in.VersionId) == ""
	if !was && !marker {
		b.dropped(i)
		return out, nil
	}
	if out != nil {
		i.Version = aws.ToString(out.VersionId)
	}
	if marker {
		i.Name = "ObjectRemoved:DeleteMarkerCreated"
	}
	b.happened(i)
	return out, nil
}

// DeleteObjects is told object by object.
func (b *buckets) DeleteObjects(ctx context.Context, in *awss3.DeleteObjectsInput) (s3response.DeleteResult, error) {
	var intents []*intent
	for _, o := range in.Delete.Objects {
		if aws.ToString(o.VersionId) != "" || b.there(ctx, *in.Bucket, aws.ToString(o.Key)) {
			i := b.event(ctx, "ObjectRemoved:Delete", *in.Bucket, aws.ToString(o.Key))
			i.Version = aws.ToString(o.VersionId)
			intents = append(intents, i)
		}
	}
	if len(intents) > 0 {
		if err := b.began(intents...); err != nil {
			return s3response.DeleteResult{}, err
		}
	}
	out, err := b.Backend.DeleteObjects(ctx, in)
	var gone []*intent
	for _, i := range intents {
		n := slices.IndexFunc(out.Deleted, func(d types.DeletedObject) bool {
			return aws.ToString(d.Key) == i.Key && aws.ToString(d.VersionId) == i.Version
		})
		if n < 0 || err != nil {
			b.dropped(i)
			continue
		}
		if d := &out.Deleted[n]; aws.ToBool(d.DeleteMarker) && i.Version == "" {
			i.Name, i.Version = "ObjectRemoved:DeleteMarkerCreated", aws.ToString(d.DeleteMarkerVersionId)
		}
		gone = append(gone, i)
	}
	b.happened(gone...)
	return out, err
}

// PutObjectTagging is told as ObjectTagging:Put.
func (b *buckets) PutObjectTagging(ctx context.Context, bucket, object, version string, tags map[string]string) error {
	return b.tagged(ctx, "ObjectTagging:Put", bucket, object, version, func() error {
		return b.Backend.PutObjectTagging(ctx, bucket, object, version, tags)
	})
}

// DeleteObjectTagging is told as ObjectTagging:Delete.
func (b *buckets) DeleteObjectTagging(ctx context.Context, bucket, object, version string) error {
	return b.tagged(ctx, "ObjectTagging:Delete", bucket, object, version, func() error {
		return b.Backend.DeleteObjectTagging(ctx, bucket, object, version)
	})
}

func (b *buckets) tagged(ctx context.Context, name, bucket, object, version string, do func() error) error {
	i := b.event(ctx, name, bucket, object)
	i.Version = version
	if err := b.began(i); err != nil {
		return err
	}
	if err := do(); err != nil {
		b.dropped(i)
		return err
	}
	if out, err := b.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &bucket, Key: &object}); err == nil {
		i.ETag = unquoted(aws.ToString(out.ETag))
	}
	b.happened(i)
	return nil
}
