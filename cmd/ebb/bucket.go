package main

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// bucketVerb looks after the buckets of the platform's own S3 endpoint.
func (a *app) bucketVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bucket",
		Short: "Make, list, fill and remove buckets of the platform's own S3 endpoint",
		Long: "A bucket keeps objects by their keys. Every tool that speaks S3 works with them too, and what\n" +
			"happens to an object starts functions (ebb trigger object). A bucket belongs to the service\n" +
			"whose keys made it.",
		Example: "  ebb bucket create inbox\n  ebb bucket put report.csv inbox/2026/\n  ebb bucket ls inbox/2026/",
		Args:    args(cobra.NoArgs),
	}
	cmd.AddCommand(a.bucketLs(), a.bucketCreate(), a.bucketPut(), a.bucketGet(), a.bucketPresign(), a.bucketRm())
	return cmd
}

// withBuckets has fn speak to the S3 endpoint.
func (a *app) withBuckets(fn func(*s3.Client) error) error {
	return a.withClient(func(c *client.Client) error { return fn(c.Buckets()) })
}

// object is one object of a list.
type object struct {
	Key      string    `json:"key"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	ETag     string    `json:"eTag"`
}

func (a *app) bucketLs() *cobra.Command {
	return &cobra.Command{
		Use: "ls [BUCKET[/PREFIX]]", Aliases: []string{"list"},
		Short:   "List the buckets, or the objects of one whose keys begin with a prefix",
		Example: "  ebb bucket ls\n  ebb bucket ls inbox/2026/",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withBuckets(func(c *s3.Client) error {
				if len(given) == 0 {
					return a.listBuckets(cmd.Context(), c)
				}
				bucket, prefix, _ := strings.Cut(given[0], "/")
				all := []object{}
				var rows [][]string
				err := eachObject(cmd.Context(), c, bucket, prefix, func(page []types.Object) error {
					for _, o := range page {
						all = append(all, object{aws.ToString(o.Key), aws.ToInt64(o.Size), aws.ToTime(o.LastModified), strings.Trim(aws.ToString(o.ETag), `"`)})
						rows = append(rows, []string{aws.ToString(o.Key), bytesText(aws.ToInt64(o.Size)), moment(o.LastModified)})
					}
					return nil
				})
				if err != nil {
					return err
				}
				return a.print(all, []string{"KEY", "SIZE", "MODIFIED"}, rows)
			})
		},
	}
}

func (a *app) listBuckets(ctx context.Context, c *s3.Client) error {
	type bucket struct {
		Name    string    `json:"name"`
		Created time.Time `json:"created"`
	}
	all := []bucket{}
	var rows [][]string
	pages := s3.NewListBucketsPaginator(c, &s3.ListBucketsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, b := range page.Buckets {
			all = append(all, bucket{aws.ToString(b.Name), aws.ToTime(b.CreationDate)})
			rows = append(rows, []string{aws.ToString(b.Name), moment(b.CreationDate)})
		}
	}
	return a.print(all, []string{"BUCKET", "CREATED"}, rows)
}

// eachObject calls fn for each page of a bucket's objects.
func eachObject(ctx context.Context, c *s3.Client, bucket, prefix string, fn func([]types.Object) error) error {
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		if err := fn(page.Contents); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) bucketCreate() *cobra.Command {
	return &cobra.Command{
		Use: "create BUCKET...", Aliases: []string{"mb"},
		Short:   "Make buckets",
		Example: "  ebb bucket create inbox",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if s := a.chosen(); s != "" {
				return usagef("--service: a bucket belongs to the service whose keys make it; use keys of %s: ebb key create --help", s)
			}
			return a.withBuckets(func(c *s3.Client) error {
				for _, name := range given {
					if _, err := c.CreateBucket(cmd.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
						return &named{name, err}
					}
				}
				return a.print(given, nil, [][]string{{"made " + strings.Join(given, ", ")}})
			})
		},
	}
}

func (a *app) bucketRm() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "rm BUCKET[/KEY]...", Aliases: []string{"remove", "delete"},
		Short:   "Remove objects, or buckets that are empty",
		Example: "  ebb bucket rm inbox/2026/report.csv\n  ebb bucket rm inbox --force",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withBuckets(func(c *s3.Client) error {
				for _, what := range given {
					if err := remove(cmd.Context(), c, what, force); err != nil {
						return &named{what, err}
					}
				}
				return a.print(map[string]any{"removed": given}, nil, [][]string{{"deleted " + strings.Join(given, ", ")}})
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "remove a bucket with all that is in it")
	return cmd
}

// remove removes an object, or a bucket, with what is in it if force says so.
func remove(ctx context.Context, c *s3.Client, what string, force bool) error {
	bucket, key, isObject := strings.Cut(what, "/")
	if isObject {
		// S3 says yes to whoever deletes what is not there.
		if _, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key}); err != nil {
			return err
		}
		_, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
		return err
	}
	if force {
		if err := empty(ctx, c, bucket); err != nil {
			return err
		}
	}
	_, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket})
	return err
}

// empty removes all objects of a bucket, every version of them, and the uploads
// that were not completed.
func empty(ctx context.Context, c *s3.Client, bucket string) error {
	pages := s3.NewListObjectVersionsPaginator(c, &s3.ListObjectVersionsInput{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		var ids []types.ObjectIdentifier
		for _, v := range page.Versions {
			ids = append(ids, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, m := range page.DeleteMarkers {
			ids = append(ids, types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
		}
		if len(ids) == 0 {
			continue
		}
		out, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: ids, Quiet: aws.Bool(true)}})
		if err != nil {
			return err
		}
		if len(out.Errors) > 0 {
			e := out.Errors[0]
			return usagef("%s: %s: %s", aws.ToString(e.Key), aws.ToString(e.Code), aws.ToString(e.Message))
		}
	}
	uploads := s3.NewListMultipartUploadsPaginator(c, &s3.ListMultipartUploadsInput{Bucket: &bucket})
	for uploads.HasMorePages() {
		page, err := uploads.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, u := range page.Uploads {
			if _, err := c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: u.Key, UploadId: u.UploadId}); err != nil {
				return err
			}
		}
	}
	return nil
}
