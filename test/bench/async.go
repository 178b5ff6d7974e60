package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/ebb-faas/ebb/test/platform"
)

// asyncRow is how many events a second go through, beside synchronous
// invocations of the same function with the same payload in the same run.
type asyncRow struct {
	Callers     int     `json:"callers"`
	Sync        float64 `json:"syncPerSecond"`
	Accepted    float64 `json:"acceptedPerSecond"` // 202 answered, while they were sent
	Through     float64 `json:"throughPerSecond"`  // from the first request to the last function's end
	RatioThru   float64 `json:"ratioThrough"`
	RatioAccept float64 `json:"ratioAccepted"`
	SyncCPU     float64 `json:"syncCPUUs"` // microseconds of CPU for each, whole process tree
	EventCPU    float64 `json:"eventCPUUs"`
	Events      int     `json:"events"`
	Done        int     `json:"done"`
}

// eventBytes is the size of an event's payload.
const eventBytes = 1 << 10

// async measures asynchronous invocation of the Node echo, end to end.
func (b *bench) async(context.Context) error {
	const name = "async, 64 callers"
	if !strings.Contains(name, b.only) {
		return nil
	}
	const callers = 64
	row := asyncRow{Callers: callers}
	var sync, sent sample
	var through time.Duration
	for round := -1; round < b.rounds; round++ { // round -1 warms up
		progress("%-28s round %d/%d", name, max(round+1, 0), b.rounds)
		plain, err := invokeEvent(b.platform, "node", "RequestResponse")
		if err != nil {
			return err
		}
		cpu0, err := platform.TreeCPU(b.platform.PID())
		if err != nil {
			return err
		}
		s, err := load(plain, callers, b.each)
		if err != nil {
			return err
		}
		cpu1, err := platform.TreeCPU(b.platform.PID())
		if err != nil {
			return err
		}
		s.cpu = cpu1 - cpu0
		event, err := invokeEvent(b.platform, "node", "Event")
		if err != nil {
			return err
		}
		event.status = http.StatusAccepted
		before, err := handled(b.platform)
		if err != nil {
			return err
		}
		begin := time.Now()
		e, err := load(event, callers, b.each)
		if err != nil {
			return err
		}
		done, err := drained(b.platform, before+e.requests)
		if err != nil {
			return err
		}
		cpu2, err := platform.TreeCPU(b.platform.PID())
		if err != nil {
			return err
		}
		e.cpu = cpu2 - cpu1
		if round < 0 {
			continue
		}
		through += time.Since(begin)
		row.Done += done - before
		sync.add(s)
		sent.add(e)
	}
	progress("")
	row.Events = sent.requests
	row.Sync = float64(sync.requests) / sync.elapsed.Seconds()
	row.Accepted = float64(sent.requests) / sent.elapsed.Seconds()
	row.Through = float64(sent.requests) / through.Seconds()
	row.SyncCPU = float64(sync.cpu.Microseconds()) / float64(sync.requests)
	row.EventCPU = float64(sent.cpu.Microseconds()) / float64(sent.requests)
	row.RatioThru, row.RatioAccept = row.Through/row.Sync, row.Accepted/row.Sync
	b.report.Async = append(b.report.Async, row)
	fmt.Printf("\n%s, %d bytes, Node echo: synchronous %.0f/s, accepted %.0f/s (%.2f×), through %.0f/s (%.2f×), %d of %d done; CPU %.0f and %.0f µs\n",
		name, eventBytes, row.Sync, row.Accepted, row.RatioAccept, row.Through, row.RatioThru, row.Done, row.Events, row.SyncCPU, row.EventCPU)
	return nil
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
func drained(p *platform.Platform, want int) (n int, err error) {
	const limit = 2 * time.Minute
	err = platform.Poll(context.Background(), limit, func() (err error) {
		if n, err = handled(p); err == nil && n < want {
			err = fmt.Errorf("%d of %d events handled", n, want)
		}
		return err
	})
	return n, err
}

var doneRE = regexp.MustCompile(`(?m)^ebb_queue_attempts_total\{function="node",outcome="done",queue="async",service="[0-9]+"\} (\S+)$`)

// handled is how many events of the Node echo the platform has handled so far.
func handled(p *platform.Platform) (int, error) {
	r, err := http.NewRequest(http.MethodGet, p.API+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+p.Client.Config().Token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
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
