package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
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
	own       time.Duration // of the server's own process
}

// patience is how long an answer may take.
const patience = time.Minute

// load keeps conns connections busy with r for d, each at least once. It speaks
// HTTP by hand, on one thread that waits for all connections together: a client
// library would cost more than the servers that it measures, and what the client
// takes of the machine the servers do not have.
func load(r request, conns int, d time.Duration) (s sample, err error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return s, err
	}
	l := loader{request: r, poll: poll, conns: make([]conn, conns)}
	defer func() { err = errors.Join(err, l.close()) }()
	if l.want = r.status; l.want == 0 {
		l.want = http.StatusOK
	}
	for i := range l.conns {
		if err := l.open(i); err != nil {
			return s, err
		}
	}
	begin := time.Now()
	err = l.run(begin.Add(d))
	return sample{requests: len(l.latencies), elapsed: time.Since(begin), latencies: l.latencies}, err
}

// loader is the client of one load.
type loader struct {
	request
	want      int
	poll      int // epoll
	conns     []conn
	latencies []time.Duration
}

// conn is one connection of a loader.
type conn struct {
	fd   int
	sent time.Time
	in   []byte // of the answer, so far
	body []byte // memory for an answer in pieces
}

// open makes connection i. It stays blocking: nothing is read before epoll has
// said that there is something, and a request fits the socket's buffer.
func (l *loader) open(i int) error {
	to, err := netip.ParseAddrPort(l.address)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	l.conns[i] = conn{fd: fd, in: make([]byte, 0, 16<<10)}
	return errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}),
		unix.EpollCtl(l.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}))
}

func (l *loader) close() error {
	errs := []error{unix.Close(l.poll)}
	for _, c := range l.conns {
		if c.fd > 0 {
			errs = append(errs, unix.Close(c.fd))
		}
	}
	return errors.Join(errs...)
}

// run sends until end, and returns when the last answer is there.
func (l *loader) run(end time.Time) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := range l.conns {
		if err := l.send(&l.conns[i], time.Now()); err != nil {
			return err
		}
	}
	events := make([]unix.EpollEvent, len(l.conns))
	for busy := len(l.conns); busy > 0; {
		n, err := unix.EpollWait(l.poll, events, int(patience/time.Millisecond))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil && n == 0 {
			err = fmt.Errorf("%s has not answered for %s", l.address, patience)
		}
		if err != nil {
			return err
		}
		for _, e := range events[:n] {
			c := &l.conns[e.Fd]
			whole, err := l.receive(c)
			if err != nil {
				return err
			}
			if !whole {
				continue
			}
			now := time.Now()
			l.latencies = append(l.latencies, now.Sub(c.sent))
			if now.Before(end) {
				err = l.send(c, now)
			} else {
				busy--
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *loader) send(c *conn, now time.Time) error {
	c.sent, c.in = now, c.in[:0]
	for b := l.bytes; len(b) > 0; {
		n, err := unix.Write(c.fd, b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// receive takes what is there of an answer, and checks it when it is whole.
func (l *loader) receive(c *conn) (whole bool, err error) {
	c.in = slices.Grow(c.in, 4<<10)
	n, err := unix.Read(c.fd, c.in[len(c.in):cap(c.in)])
	if err == nil && n == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", l.address, err)
	}
	c.in = c.in[:len(c.in)+n]
	status, body, err := answer(c)
	if body == nil || err != nil {
		return false, err
	}
	if status != l.want || !bytes.Contains(body, l.request.want) {
		return false, fmt.Errorf("%s answered %d: %.300s", l.address, status, body)
	}
	return true, nil
}

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("content-length: ")
	chunked       = []byte("transfer-encoding: chunked")
)

// answer is the status and body of a response, which is nil until all of it has
// come.
func answer(c *conn) (status int, body []byte, err error) {
	end := bytes.Index(c.in, headEnd)
	if end < 0 {
		return 0, nil, nil
	}
	length, pieces := 0, false
	rest := c.in[end+len(headEnd):]
	for line := range bytes.Lines(c.in[:end+2]) {
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case status == 0 && len(line) >= 12:
			if status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return 0, nil, err
			}
		case hasPrefixFold(line, contentLength):
			if length, err = strconv.Atoi(string(line[len(contentLength):])); err != nil {
				return 0, nil, err
			}
		case hasPrefixFold(line, chunked):
			pieces = true
		}
	}
	if pieces {
		return c.unchunk(status, rest)
	}
	if len(rest) < length {
		return 0, nil, nil
	}
	return status, rest[:length:length], nil
}

// unchunk joins the pieces of a body, if all are there.
func (c *conn) unchunk(status int, rest []byte) (int, []byte, error) {
	c.body = slices.Grow(c.body[:0], 1)
	for {
		line, after, found := bytes.Cut(rest, []byte("\r\n"))
		if !found {
			return 0, nil, nil
		}
		n, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return 0, nil, errors.New("bad chunk")
		}
		if len(after) < int(n)+2 {
			return 0, nil, nil
		}
		c.body = append(c.body, after[:n]...)
		if rest = after[n+2:]; n == 0 {
			return status, c.body, nil
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
	s.own += o.own
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
