package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// request is one HTTP/1.1 request, as bytes, and what its answer must hold.
type request struct {
	address string // host:port
	bytes   []byte
	want    []byte // must be in the body
	status  int    // of the answer; 0 = 200
}

// sample is what one round of load measured.
type sample struct {
	requests  int
	elapsed   time.Duration
	latencies []time.Duration
	cpu       time.Duration // of the server's process tree
}

// load keeps conns connections busy with r for d. It speaks HTTP by hand: a
// client library would cost more than the servers that it measures.
func load(r request, conns int, d time.Duration) (sample, error) {
	var s sample
	var mu sync.Mutex
	var all sync.WaitGroup
	errs := make(chan error, conns)
	begin := time.Now()
	end := begin.Add(d)
	for range conns {
		all.Go(func() {
			lat, err := drive(r, end)
			if err != nil {
				errs <- err
			}
			mu.Lock()
			s.latencies = append(s.latencies, lat...)
			mu.Unlock()
		})
	}
	all.Wait()
	s.elapsed = time.Since(begin)
	s.requests = len(s.latencies)
	close(errs)
	return s, <-errs
}

// drive sends r over one connection, again and again until end, at least once.
func drive(r request, end time.Time) ([]time.Duration, error) {
	c, err := net.Dial("tcp", r.address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	in := bufio.NewReaderSize(c, 16<<10)
	body := make([]byte, 0, 4<<10)
	var lat []time.Duration
	want := r.status
	if want == 0 {
		want = http.StatusOK
	}
	for now := time.Now(); len(lat) == 0 || now.Before(end); {
		if _, err := c.Write(r.bytes); err != nil {
			return lat, err
		}
		status, b, err := answer(in, body)
		if err != nil {
			return lat, err
		}
		if status != want || !bytes.Contains(b, r.want) {
			return lat, fmt.Errorf("%s answered %d: %.300s", r.address, status, b)
		}
		done := time.Now()
		lat = append(lat, done.Sub(now))
		now = done
	}
	return lat, nil
}

var (
	contentLength = []byte("content-length: ")
	chunked       = []byte("transfer-encoding: chunked")
)

// answer reads one response into body.
func answer(in *bufio.Reader, body []byte) (status int, _ []byte, err error) {
	length, pieces := 0, false
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case first && len(line) >= 12:
			status, _ = strconv.Atoi(string(line[9:12]))
		case len(line) == 0:
			if pieces {
				body, err = unchunk(in, body)
				return status, body, err
			}
			body = slices.Grow(body[:0], length)[:length]
			_, err = io.ReadFull(in, body)
			return status, body, err
		case hasPrefixFold(line, contentLength):
			length, _ = strconv.Atoi(string(line[len(contentLength):]))
		case hasPrefixFold(line, chunked):
			pieces = true
		}
	}
}

func unchunk(in *bufio.Reader, body []byte) ([]byte, error) {
	body = body[:0]
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return body, err
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return body, errors.New("bad chunk")
		}
		at := len(body)
		body = slices.Grow(body, int(n)+2)[:at+int(n)+2]
		if _, err := io.ReadFull(in, body[at:]); err != nil {
			return body, err
		}
		body = body[:at+int(n)]
		if n == 0 {
			return body, nil
		}
	}
}

func hasPrefixFold(line, prefix []byte) bool {
	return len(line) >= len(prefix) && bytes.EqualFold(line[:len(prefix)], prefix)
}

// add joins the samples of several rounds.
func (s *sample) add(o sample) {
	s.requests += o.requests
	s.elapsed += o.elapsed
	s.cpu += o.cpu
	s.latencies = append(s.latencies, o.latencies...)
}

// quantile is the latency that a share q of requests stayed within.
func quantile(lat []time.Duration, q float64) time.Duration {
	if len(lat) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(lat))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
