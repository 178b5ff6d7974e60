package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// AccessLog is where a line of JSON is written for every request.
type AccessLog struct {
	// File is its path, absolute; "" = no access log.
	File string `yaml:"file"`
	// MaxMB is how large it gets before it is renamed to FILE.1, and what was
	// there to FILE.2, and so on.
	MaxMB int `yaml:"maxMB"`
	// Keep is how many of these are kept.
	Keep int `yaml:"keep"`
}

// Defaults of AccessLog.
const (
	DefaultAccessLogMB   = 100
	DefaultAccessLogKeep = 10
)

const (
	// accessFlush is how late a line may be on disk.
	accessFlush = time.Second
	// accessFull is how much waits in memory at most before it is written.
	accessFull = 64 << 10
	// accessLost is how much waits while the disk takes nothing; what comes then
	// is dropped and counted.
	accessLost = 4 << 20
)

// accessLog writes the access log. A nil one writes nothing.
type accessLog struct {
	cfg  AccessLog
	wake chan struct{} // capacity 1: much waits

	mu      sync.Mutex
	waiting []byte
	dropped int64

	// Of the one that writes:
	file *os.File
	size int64
}

func newAccessLog(cfg AccessLog) *accessLog {
	if cfg.File == "" {
		return nil
	}
	if cfg.MaxMB == 0 {
		cfg.MaxMB = DefaultAccessLogMB
	}
	if cfg.Keep == 0 {
		cfg.Keep = DefaultAccessLogKeep
	}
	return &accessLog{cfg: cfg, wake: make(chan struct{}, 1)}
}

// observer is between a handler and its client, and sees what is answered.
type observer struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (o *observer) WriteHeader(status int) {
	if o.status < 200 && o.status != http.StatusSwitchingProtocols {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (o *observer) Write(p []byte) (int, error) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	n, err := o.ResponseWriter.Write(p)
	o.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController find what else the writer can do.
func (o *observer) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// done counts a request that was answered and writes its line.
func (g *Gateway) done(r *request, o *observer) {
	if r.again {
		return
	}
	took := g.cfg.Now().Sub(r.at)
	if r.route != nil && r.route.http != nil {
		r.route.http.counts.Done(o.status, took)
	}
	if g.access != nil {
		g.access.add(r, o, took)
	}
}

// add puts the line of a request with those that wait.
func (l *accessLog) add(r *request, o *observer, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > accessLost {
		l.dropped++
		return
	}
	l.waiting = appendAccess(l.waiting, r, o, took)
	if len(l.waiting) > accessFull {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

func appendAccess(b []byte, r *request, o *observer, took time.Duration) []byte {
	text := func(name, value string) {
		if value != "" {
			b = append(append(append(b, ',', '"'), name...), '"', ':')
			b = appendString(b, value)
		}
	}
	number := func(name string, value int64) {
		b = append(append(append(b, ',', '"'), name...), '"', ':')
		b = strconv.AppendInt(b, value, 10)
	}
	b = append(b, `{"time":"`...)
	b = append(r.at.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z"), '"')
	text("requestId", r.id)
	text("host", r.Host)
	text("method", r.Method)
	text("path", r.URL.EscapedPath())
	text("protocol", r.Proto)
	text("ip", remoteIP(r.RemoteAddr))
	if r.route != nil {
		text("service", string(r.route.Service))
		text("function", r.route.Name)
		text("qualifier", r.route.Qualifier)
		if h := r.route.http; h != nil {
			text("trigger", h.trigger.Name)
			text("route", r.routeKey())
			text("workflow", h.machine)
			text("caller", r.caller.name)
		} else {
			text("caller", r.principal.ARN)
		}
	}
	if r.version != nil {
		text("version", r.version.Qualifier())
	}
	number("status", int64(o.status))
	if r.ContentLength >= 0 {
		number("in", r.ContentLength)
	} else {
		number("in", int64(len(r.body)))
	}
	number("out", o.bytes)
	b = append(b, `,"ms":`...)
	b = strconv.AppendFloat(b, float64(took.Microseconds())/1000, 'f', 3, 64)
	text("agent", r.UserAgent())
	return append(b, '}', '\n')
}

// run writes what waits, every second and when it is much, until ctx ends, and
// then the rest.
func (l *accessLog) run(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(accessFlush)
	defer tick.Stop()
	var said string
	for over := false; !over; {
		select {
		case <-ctx.Done():
			over = true
		case <-tick.C:
		case <-l.wake:
		}
		err := l.flush()
		if err != nil && said != err.Error() {
			failed(err)
		}
		if said = ""; err != nil {
			said = err.Error()
		}
	}
	if l.file != nil {
		_ = l.file.Close() // everything was written
		l.file = nil
	}
}

// flush writes what waits. What cannot be written waits on.
func (l *accessLog) flush() error {
	l.mu.Lock()
	lines, dropped := l.waiting, l.dropped
	l.waiting, l.dropped = nil, 0
	l.mu.Unlock()
	if len(lines) == 0 && dropped == 0 {
		return nil
	}
	err := l.write(lines)
	if err == nil && dropped > 0 {
		err = fmt.Errorf("%d lines were dropped", dropped)
	} else if err != nil {
		l.mu.Lock()
		l.waiting = append(lines, l.waiting...)
		l.dropped += dropped
		l.mu.Unlock()
	}
	return err
}

func (l *accessLog) write(lines []byte) (err error) {
	if l.file != nil && l.size+int64(len(lines)) > int64(l.cfg.MaxMB)<<20 && l.size > 0 {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	if l.file == nil {
		if l.file, err = os.OpenFile(l.cfg.File, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640); err != nil {
			return err
		}
		at, err := l.file.Stat()
		if err != nil {
			return errors.Join(err, l.closeFile())
		}
		l.size = at.Size()
	}
	n, err := l.file.Write(lines)
	l.size += int64(n)
	if err != nil && n > 0 { // a part of it: whole lines must not come twice
		err = errors.Join(err, l.file.Truncate(l.size-int64(n)))
		l.size -= int64(n)
	}
	return err
}

// rotate renames FILE to FILE.1, what is there to FILE.2, and so on.
func (l *accessLog) rotate() error {
	if err := l.closeFile(); err != nil {
		return err
	}
	name := func(i int) string { return l.cfg.File + "." + strconv.Itoa(i) }
	for i := l.cfg.Keep - 1; i > 0; i-- {
		if err := os.Rename(name(i), name(i+1)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return os.Rename(l.cfg.File, name(1))
}

func (l *accessLog) closeFile() error {
	err := l.file.Close()
	l.file, l.size = nil, 0
	return err
}
