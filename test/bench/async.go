package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/ebb-faas/ebb/test/platform"
)

// eventBytes is the size of an event's payload.
const eventBytes = 1 << 10

// eventCallers is how many send events at once.
const eventCallers = 64

// async measures asynchronous invocation of the Node echo, end to end, beside
// synchronous invocations of it with the same payload.
func (b *bench) async(context.Context) error {
	if _, err := b.urls(); err != nil {
		return err
	}
	var sync, sent sample
	var through time.Duration
	done := 0
	for round := -1; round < b.rounds; round++ { // round -1 warms up
		progress("async, round %d/%d", max(round+1, 0), b.rounds)
		s, e, took, err := b.events()
		if err != nil {
			return err
		}
		if round < 0 {
			continue
		}
		sync.add(s)
		sent.add(e)
		through += took
		done += e.requests
	}
	rate := float64(done) / through.Seconds()
	table := b.report.table(fmt.Sprintf("async, %d callers", eventCallers), "rate/s", "sync×", "CPU µs")
	table.add("synchronous", sync.rate(), 1, sync.cpuEach(sync.cpu))
	table.add("accepted", sent.rate(), sent.rate()/sync.rate(), math.NaN())
	table.add("through, to the last function's end", rate, rate/sync.rate(), sent.cpuEach(sent.cpu))
	table.note("%d events of %d bytes, all of them handled", done, eventBytes)
	return nil
}

// events measures one round: synchronous calls, and events with how long it took
// until the last was handled.
func (b *bench) events() (sync, sent sample, took time.Duration, err error) {
	plain := target{pid: b.platform.PID(), request: func() (request, error) { return invokeEvent(b.platform, "node", "RequestResponse") }}
	if sync, err = plain.measure(eventCallers, b.each); err != nil {
		return sync, sent, 0, err
	}
	event, err := invokeEvent(b.platform, "node", "Event")
	if err != nil {
		return sync, sent, 0, err
	}
	event.status = http.StatusAccepted
	before, err := handled(b.platform)
	if err != nil {
		return sync, sent, 0, err
	}
	cpuBefore, _, err := cpu(b.platform.PID())
	if err != nil {
		return sync, sent, 0, err
	}
	begin := time.Now()
	if sent, err = load(event, eventCallers, b.each); err != nil {
		return sync, sent, 0, err
	}
	if err := drained(b.platform, before+sent.requests); err != nil {
		return sync, sent, 0, err
	}
	took = time.Since(begin)
	after, _, err := cpu(b.platform.PID())
	sent.cpu = after - cpuBefore
	return sync, sent, took, err
}

// invokeEvent is an Invoke of a function, signed like an SDK's.
func invokeEvent(p *platform.Platform, function, kind string) (request, error) {
	body := fmt.Appendf(nil, `{"body":%q}`, strings.Repeat("x", eventBytes-len(`{"body":""}`)))
	r, err := http.NewRequest(http.MethodPost, p.API+"/2015-03-31/functions/"+function+"/invocations", bytes.NewReader(body))
	if err != nil {
		return request{}, err
	}
	r.Header.Set("X-Amz-Invocation-Type", kind)
	c := p.Client.Config()
	sum := sha256.Sum256(body)
	err = v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey},
		r, hex.EncodeToString(sum[:]), "lambda", c.Region, time.Now())
	if err != nil {
		return request{}, err
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		return request{}, err
	}
	return request{address: r.URL.Host, bytes: b.Bytes()}, nil
}

// drained waits until so many events have been handled.
func drained(p *platform.Platform, want int) error {
	const limit = 2 * time.Minute
	return platform.Poll(context.Background(), limit, func() error {
		n, err := handled(p)
		if err == nil && n < want {
			err = fmt.Errorf("%d of %d events handled", n, want)
		}
		return err
	})
}

var doneRE = regexp.MustCompile(`(?m)^ebb_queue_attempts_total\{function="node",outcome="done",queue="async",service="[0-9]+"\} (\S+)$`)

// handled is how many events of the Node echo the platform has handled so far.
func handled(p *platform.Platform) (int, error) {
	text, err := metrics(p)
	if err != nil {
		return 0, err
	}
	found := doneRE.FindSubmatch(text)
	if found == nil {
		return 0, nil // nothing yet
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	return int(n), err
}

// metrics is what the platform has measured.
func metrics(p *platform.Platform) ([]byte, error) {
	r, err := http.NewRequest(http.MethodGet, p.API+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+p.Client.Config().Token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	return io.ReadAll(res.Body)
}
