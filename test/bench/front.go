package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
	"github.com/ebb-faas/ebb/runtimes"
)

// serveEcho is the plain Go echo: what net/http costs by itself.
func serveEcho() error {
	return serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write(body)
	}))
}

// serve listens on a free port, prints its address and serves until killed.
func serve(h http.Handler) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return (&http.Server{Handler: h, ReadHeaderTimeout: time.Minute}).Serve(l)
}

// front is the least that a front for one-at-a-time workers can be: net/http,
// the event, the frames, and a stack of idle workers.
type front struct {
	mu   sync.Mutex
	free *sync.Cond
	idle []*worker
}

type worker struct{ session runtimeapi.Session }

// serveFront starts workers Node processes on the function in dir, and serves.
func serveFront(workers int, dir string) error {
	ctx := context.Background()
	tmp, err := os.MkdirTemp("", "ebb-front-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	catalog, err := runtimes.Load(ctx, tmp)
	if err != nil {
		return err
	}
	rt, ok := catalog.Lookup("nodejs")
	if !ok {
		return fmt.Errorf("no nodejs on this host, only %v", catalog.IDs())
	}
	f := &front{}
	f.free = sync.NewCond(&f.mu)
	for range workers {
		s, err := startWorker(ctx, rt, dir)
		if err != nil {
			return err
		}
		f.idle = append(f.idle, &worker{s})
	}
	return serve(f)
}

// startWorker starts the runtime's bootstrap as ebb does, without a box.
func startWorker(ctx context.Context, rt *runtimes.Runtime, dir string) (runtimeapi.Session, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	defer func() { _ = ours.Close(); _ = theirs.Close() }()
	argv := make([]string, len(rt.Argv))
	for i, a := range rt.Argv {
		argv[i] = hostPath(rt, a)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = rt.Env
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	s := runtimeapi.NewFramed(conn, runtimeapi.Options{})
	failure, err := s.Ready(ctx, runtimeapi.Init{Handler: "index.handler", TaskRoot: dir, Env: map[string]string{}})
	if failure != nil {
		return nil, fmt.Errorf("worker: %s", failure.Document)
	}
	return s, err
}

// hostPath is where a path of the box lies on the host.
func hostPath(rt *runtimes.Runtime, inside string) string {
	for _, m := range rt.Mounts {
		if rel, err := filepath.Rel(m.Target, inside); err == nil && filepath.IsLocal(rel) {
			return filepath.Join(m.Source, rel)
		}
	}
	return inside
}

// The event that a function URL would send, around the body.
const (
	eventBefore = `{"version":"2.0","routeKey":"$default","rawPath":"/","rawQueryString":"","headers":{"host":"127.0.0.1:9081","content-type":"text/plain","content-length":"100","x-forwarded-for":"127.0.0.1","x-forwarded-port":"9081","x-forwarded-proto":"http","x-amzn-trace-id":"Root=1-67400000-000000000000000000000000"},"requestContext":{"accountId":"anonymous","apiId":"abcdefghijklmnopqrstuvwxyz012345","domainName":"127.0.0.1:9081","domainPrefix":"127","http":{"method":"POST","path":"/","protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":""},"requestId":"00000000-0000-0000-0000-000000000000","routeKey":"$default","stage":"$default","time":"22/Nov/2026:11:00:00 +0000","timeEpoch":1795345200000},"body":`
	eventAfter  = `,"isBase64Encoded":false}`
)

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	event := append(make([]byte, 0, 2048), eventBefore...)
	event = strconv.AppendQuote(event, string(body))
	event = append(event, eventAfter...)
	wk := f.take()
	sink := frontSink{w: w}
	_, err = wk.session.Invoke(context.Background(), &runtimeapi.Call{
		ID: "00000000-0000-0000-0000-000000000000", Deadline: time.Now().Add(time.Minute), Payload: event}, &sink)
	f.give(wk)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

func (f *front) take() *worker {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.idle) == 0 {
		f.free.Wait()
	}
	w := f.idle[len(f.idle)-1]
	f.idle = f.idle[:len(f.idle)-1]
	return w
}

func (f *front) give(w *worker) {
	f.mu.Lock()
	f.idle = append(f.idle, w)
	f.mu.Unlock()
	f.free.Signal()
}

// frontSink answers with the body that the function gave.
type frontSink struct{ w http.ResponseWriter }

func (s *frontSink) Head(ebb.Head) error { return nil }

func (s *frontSink) Write(b []byte) (int, error) {
	var answer struct {
		StatusCode int    `json:"statusCode"`
		Body       string `json:"body"`
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return 0, err
	}
	s.w.Header().Set("Content-Type", "text/plain")
	s.w.WriteHeader(answer.StatusCode)
	_, err := io.WriteString(s.w, answer.Body)
	return len(b), err
}
