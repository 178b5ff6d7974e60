package main

import (
	"errors"
	"io"
	"mime"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/spf13/cobra"
)

// objectAt is the bucket and key of BUCKET/KEY, or s3://BUCKET/KEY.
func objectAt(address string) (bucket, key string, err error) {
	bucket, key, ok := strings.Cut(strings.TrimPrefix(address, "s3://"), "/")
	if !ok || bucket == "" {
		return "", "", usagef("%q is not BUCKET/KEY", address)
	}
	return bucket, key, nil
}

func (a *app) bucketPut() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:   "put FILE BUCKET/KEY",
		Short: "Write a file into a bucket; - is standard input",
		Long: "Put writes one object. A key that is empty or ends in a slash gets the name of the file. The\n" +
			"object is on the disk, and its event durable, when the verb returns.",
		Example: "  ebb bucket put report.csv inbox/2026/\n  pg_dump shop | ebb bucket put - backups/shop.sql",
		Args:    args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			bucket, key, err := objectAt(given[1])
			if err != nil {
				return err
			}
			if key == "" || strings.HasSuffix(key, "/") {
				if given[0] == "-" {
					return usagef("%s: standard input has no name; end the key in one", given[1])
				}
				key += filepath.Base(given[0])
			}
			f, drop, err := a.openWhole(given[0])
			if err != nil {
				return err
			}
			defer drop()
			if kind == "" {
				kind = mime.TypeByExtension(path.Ext(key))
			}
			in := &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: f}
			if kind != "" {
				in.ContentType = &kind
			}
			return a.withBuckets(func(c *s3.Client) error {
				out, err := c.PutObject(cmd.Context(), in)
				if err != nil {
					return &named{given[1], err}
				}
				return a.print(map[string]string{"bucket": bucket, "key": key, "eTag": strings.Trim(aws.ToString(out.ETag), `"`)}, nil,
					[][]string{{"wrote " + bucket + "/" + key}})
			})
		},
	}
	cmd.Flags().StringVar(&kind, "content-type", "", "`TYPE` of the object (default by the key's ending)")
	return cmd
}

// openWhole opens a file, or a copy of standard input: a signature says how long a
// body is and what is in it before it is sent.
func (a *app) openWhole(name string) (f *os.File, drop func(), err error) {
	if name != "-" {
		if f, err = os.Open(name); err != nil {
			return nil, nil, usagef("%w", err)
		}
		if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
			return nil, nil, errors.Join(usagef("%s is no file", name), err, f.Close())
		}
		return f, func() { _ = f.Close() }, nil
	}
	if f, err = os.CreateTemp("", "ebb-put-"); err != nil {
		return nil, nil, err
	}
	drop = func() { _ = f.Close(); _ = os.Remove(f.Name()) }
	if _, err = io.Copy(f, a.in); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		drop()
		return nil, nil, err
	}
	return f, drop, nil
}

func (a *app) bucketGet() *cobra.Command {
	return &cobra.Command{
		Use:     "get BUCKET/KEY [FILE]",
		Short:   "Read an object into a file of its name, or another; - is standard output",
		Example: "  ebb bucket get inbox/2026/report.csv\n  ebb bucket get inbox/2026/report.csv - | head",
		Args:    args(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			bucket, key, err := objectAt(given[0])
			if err != nil {
				return err
			}
			file := path.Base(key)
			if len(given) > 1 {
				file = given[1]
			}
			if st, err := os.Stat(file); err == nil && st.IsDir() {
				file = filepath.Join(file, path.Base(key))
			}
			return a.withBuckets(func(c *s3.Client) error {
				out, err := c.GetObject(cmd.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
				if err != nil {
					return &named{given[0], err}
				}
				defer func() { _ = out.Body.Close() }()
				if file == "-" {
					_, err := io.Copy(a.out, out.Body)
					return err
				}
				n, err := writeWhole(file, func(w io.Writer) (int64, error) { return io.Copy(w, out.Body) })
				if err != nil {
					return err
				}
				return a.print(archive{File: file, Size: n}, nil, [][]string{{"wrote " + file + ", " + bytesText(n)}})
			})
		},
	}
}

func (a *app) bucketPresign() *cobra.Command {
	var expires time.Duration
	var put bool
	cmd := &cobra.Command{
		Use:     "presign BUCKET/KEY",
		Short:   "Print a URL by which anybody may read an object, or write it, for a time",
		Example: "  ebb bucket presign inbox/2026/report.csv --expires 15m\n  curl -T report.csv \"$(ebb bucket presign inbox/report.csv --put)\"",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			bucket, key, err := objectAt(given[0])
			if err != nil {
				return err
			}
			if expires < time.Second || expires > 7*24*time.Hour {
				return usagef("--expires: from 1s to 168h")
			}
			return a.withBuckets(func(c *s3.Client) error {
				p := s3.NewPresignClient(c, s3.WithPresignExpires(expires))
				if put {
					r, err := p.PresignPutObject(cmd.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key})
					if err != nil {
						return err
					}
					return a.print(map[string]string{"method": r.Method, "url": r.URL}, nil, [][]string{{r.URL}})
				}
				r, err := p.PresignGetObject(cmd.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
				if err != nil {
					return err
				}
				return a.print(map[string]string{"method": r.Method, "url": r.URL}, nil, [][]string{{r.URL}})
			})
		},
	}
	cmd.Flags().DurationVar(&expires, "expires", time.Hour, "`DURATION` for which it works, at most a week")
	cmd.Flags().BoolVar(&put, "put", false, "to write it, by PUT")
	return cmd
}
