package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// objectsMade is how many objects, and files, there are in a row.
const objectsMade = 200

// objects measures how long it takes from when an object is sent, or a file gets
// its name, until a warm Node function that it starts has begun.
func (b *bench) objects(ctx context.Context) (err error) {
	drop := filepath.Join(b.dir, "drop")
	config := filepath.Join(b.dir, "objects.yaml")
	text := "directories:\n  - path: " + drop + "\n    services: ['*']\n"
	if err := errors.Join(os.Mkdir(drop, 0o700), os.WriteFile(config, []byte(text), 0o600)); err != nil {
		return err
	}
	p, err := platform.Start(ctx, platform.Config{Data: filepath.Join(b.dir, "objects"), Args: []string{"--config", config}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	const code = `exports.handler = async (event) => { console.log("AT " + event.Records[0].s3.object.key + " " + Date.now() + " .") }`
	if err := p.Create(ctx, platform.Function{Name: "at", Runtime: "nodejs", Handler: "index.handler", Files: map[string]string{"index.js": code}}); err != nil {
		return err
	}
	c := p.Client.Config()
	buckets := s3.New(s3.Options{Region: c.Region, BaseEndpoint: &c.Endpoint, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, "")})
	name := "inbox"
	if _, err := buckets.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}); err != nil {
		return err
	}
	for trigger, s := range map[string]client.TriggerSettings{
		"object": {Target: "at", Object: json.RawMessage(`{"bucket":"inbox"}`)},
		"folder": {Target: "at", Directory: json.RawMessage(`{"path":"` + drop + `","complete":"rename"}`)},
	} {
		if _, err := p.Client.CreateTrigger(ctx, trigger, s); err != nil {
			return err
		}
	}
	table := b.report.table("object created → function started", "p50 ms", "p99 ms", "max ms")
	for _, row := range []struct {
		name string
		make func(key string) error
	}{
		{"object", func(key string) error {
			_, err := buckets.PutObject(ctx, &s3.PutObjectInput{Bucket: &name, Key: &key, Body: strings.NewReader("hello")})
			return err
		}},
		{"file", func(key string) error {
			path := filepath.Join(drop, key)
			return errors.Join(os.WriteFile(path+".part", []byte("hello"), 0o600), os.Rename(path+".part", path))
		}},
	} {
		progress("objects, %s", row.name)
		took, err := started(ctx, p, row.name, row.make)
		if err != nil {
			return err
		}
		at := func(q float64) float64 { return took[int(q*float64(len(took)-1))].Seconds() * 1000 }
		table.add(row.name, at(.5), at(.99), at(1))
	}
	table.note("From when the object is sent, or the file gets its name, until the function's code runs, warm; one after the other.")
	return nil
}

// started makes objects and returns how long their functions took to start, sorted.
// The first ones, which make instances, do not count.
func started(ctx context.Context, p *platform.Platform, name string, create func(key string) error) ([]time.Duration, error) {
	const first = 5
	began := make(map[string]time.Time)
	for i := range objectsMade {
		key := fmt.Sprintf("%s-%04d", name, i)
		began[key] = time.Now()
		if err := create(key); err != nil {
			return nil, err
		}
		until(ctx, began[key].Add(50*time.Millisecond))
	}
	var took []time.Duration
	err := platform.Poll(ctx, time.Minute, func() error {
		out, said, _, err := p.CLI(ctx, "logs", "at", "--grep", "AT "+name)
		if err != nil {
			return errors.Join(err, errors.New(said))
		}
		took = took[:0]
		for line := range strings.Lines(out) {
			_, rest, _ := strings.Cut(line, "AT ")
			part := strings.Fields(rest)
			if len(part) < 2 || part[0] < fmt.Sprintf("%s-%04d", name, first) {
				continue
			}
			ms, err := strconv.ParseInt(part[1], 10, 64)
			if err != nil {
				return err
			}
			took = append(took, max(time.UnixMilli(ms).Sub(began[part[0]]), 0))
		}
		if len(took) < objectsMade-first {
			return fmt.Errorf("%d of %d have started", len(took), objectsMade-first)
		}
		return nil
	})
	slices.Sort(took)
	return took, err
}
