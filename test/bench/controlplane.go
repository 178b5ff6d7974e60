package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/test/platform"
)

const (
	manyFunctions = 10_000
	readCallers   = 16
	// noBody is the SHA-256 of nothing, as signatures have it.
	noBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// controlPlane measures a platform with 10,000 functions: its start, its memory,
// pages of the list, and reading one function beside a bare handler that does the
// same read of SQLite.
func (b *bench) controlPlane(ctx context.Context) (err error) {
	data := filepath.Join(b.dir, "many")
	progress("making %d functions", manyFunctions)
	if err := fill(ctx, data); err != nil {
		return err
	}
	p, first, err := start(ctx, data) // which asks all interpreters of the host
	if err == nil {
		err = p.Stop()
	}
	if err != nil {
		return err
	}
	p, again, err := start(ctx, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	list, err := get(p, "/2015-03-31/functions/?MaxItems=50&Marker=", nameOf(manyFunctions/2)) // not the first page
	if err != nil {
		return err
	}
	list.want = []byte(`"NextMarker"`)
	pages, err := load(list, 1, b.each)
	if err != nil {
		return err
	}
	rss, _, err := platform.Memory(p.PID())
	if err != nil {
		return err
	}
	table := b.report.table(fmt.Sprintf("%d functions", manyFunctions), "measured", "bar")
	table.add("the first start-up, s", first.Seconds(), 2)
	table.add("start-up, s", again.Seconds(), 2)
	table.add("a page of the list of 50, p50 ms", ms(quantile(pages.latencies, 0.5)), 20)
	table.add("RSS afterwards, MiB", mib(rss), 200)
	return b.reads(p, data)
}

// start is how long a platform takes until it has answered a request for a page of
// its functions.
func start(ctx context.Context, data string) (p *platform.Platform, took time.Duration, err error) {
	begin := time.Now()
	if p, err = platform.Start(ctx, platform.Config{Data: data}); err != nil {
		return nil, 0, err
	}
	if _, err = p.Lambda().ListFunctions(ctx, &lambda.ListFunctionsInput{MaxItems: aws.Int32(50)}); err != nil {
		return nil, 0, errors.Join(err, p.Stop())
	}
	return p, time.Since(begin), nil
}

// reads compares GetFunctionConfiguration with a bare handler.
func (b *bench) reads(p *platform.Platform, data string) error {
	bare, err := startPeer(os.Args[0], "-read", filepath.Join(data, "ebb.db"))
	if err != nil {
		return err
	}
	defer bare.stop()
	name := nameOf(manyFunctions / 3)
	plain := request{address: bare.address, want: []byte(name),
		bytes: fmt.Appendf(nil, "GET /%s HTTP/1.1\r\nHost: %s\r\n\r\n", name, bare.address)}
	var of, at sample
	for round := -1; round < b.rounds; round++ {
		progress("control-plane reads, round %d/%d", max(round+1, 0), b.rounds)
		signed, err := get(p, "/2015-03-31/functions/"+name+"/configuration", "")
		if err != nil {
			return err
		}
		signed.want = []byte(name)
		one, err := load(plain, readCallers, b.each)
		if err != nil {
			return err
		}
		two, err := load(signed, readCallers, b.each)
		if err != nil {
			return err
		}
		if round >= 0 {
			of.add(one)
			at.add(two)
		}
	}
	table := b.report.table(fmt.Sprintf("reading one function, %d callers", readCallers), "rate/s", "of the bare", "bar")
	table.add("bare handler, the same read", of.rate(), 1, 1)
	table.add("GetFunctionConfiguration, signed", at.rate(), at.rate()/of.rate(), 0.3)
	return nil
}

func nameOf(n int) string { return fmt.Sprintf("function-%05d", n) }

// fill writes functions into the database of a platform that has not started yet.
func fill(ctx context.Context, data string) (err error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	s, err := store.Open(ctx, store.Config{Path: filepath.Join(data, "ebb.db")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	now := time.Now()
	const batch = 1000
	for from := 0; from < manyFunctions; from += batch {
		if err := s.Tx(ctx, func(tx *store.Tx) error {
			for n := from; n < from+batch; n++ {
				key := ebb.FunctionKey{Service: ebb.DefaultService, Name: nameOf(n)}
				if err := tx.InsertFunction(&ebb.Function{FunctionKey: key, CreatedAt: now, Tags: map[string]string{"team": "bench"}}); err != nil {
					return err
				}
				if err := tx.InsertVersion(&ebb.Version{
					FunctionKey: key, RevisionID: "00000000-0000-4000-8000-" + fmt.Sprintf("%012d", n), Description: "one of many",
					Runtime: "python3", Handler: "app.handler", Role: "arn:aws:iam::000000000000:role/bench", MemoryMB: 128, TimeoutS: 3, TmpMB: 512,
					Architecture: "x86_64", PackageType: ebb.PackageZip, Env: map[string]string{"STAGE": "bench"}, LogFormat: "Text",
					Code: ebb.Code{Digest: ebb.Digest(fmt.Sprintf("%064x", n)), Size: 1000}, State: ebb.StateActive, UpdateStatus: ebb.UpdateSuccessful,
					LastModified: now,
				}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// get is a GET signed like an SDK's. marker is sent as the API hands it out.
func get(p *platform.Platform, path, marker string) (request, error) {
	if marker != "" {
		path += base64.RawURLEncoding.EncodeToString([]byte(marker))
	}
	r, err := http.NewRequest(http.MethodGet, p.API+path, nil)
	if err != nil {
		return request{}, err
	}
	c := p.Client.Config()
	if err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey},
		r, noBody, "lambda", c.Region, time.Now()); err != nil {
		return request{}, err
	}
	var out bytes.Buffer
	if err := r.Write(&out); err != nil {
		return request{}, err
	}
	return request{address: r.URL.Host, bytes: out.Bytes()}, nil
}

// serveReads is the bare handler: it reads a function and writes it as JSON.
func serveReads(path string) error {
	s, err := store.Open(context.Background(), store.Config{Path: path})
	if err != nil {
		return err
	}
	return serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var v *ebb.Version
		err := s.Read(r.Context(), func(tx *store.Tx) (err error) {
			v, err = tx.Version(ebb.FunctionKey{Service: ebb.DefaultService, Name: r.URL.Path[1:]}, 0)
			return err
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(v)
	}))
}
