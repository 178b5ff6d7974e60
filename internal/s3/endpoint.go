package s3

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sys/unix"
)

// Endpoint is the S3 endpoint of a platform. It is safe for concurrent use.
type Endpoint struct {
	cfg    Config
	deps   Deps
	master []byte // what secrets of the platform's own keys are made from

	proxy     http.Handler
	transport *http.Transport
	listener  *net.TCPListener
	private   string        // the socket on which the child answers
	wanted    chan struct{} // somebody has use for a child; capacity 1

	mu    sync.Mutex
	boxes map[string]lent
	up    chan struct{} // closed while a child answers
}

// New makes it. It does no I/O.
func New(cfg Config, deps Deps) *Endpoint {
	if cfg.Listen == "" {
		cfg.Listen = DefaultListen
	}
	e := &Endpoint{cfg: cfg, deps: deps, master: make([]byte, 32), wanted: make(chan struct{}, 1), boxes: make(map[string]lent), up: make(chan struct{})}
	_, _ = rand.Read(e.master) // it cannot fail
	e.proxy = e.newProxy()
	return e
}

// Listen opens the listener. Run closes it.
func (e *Endpoint) Listen() (net.Addr, error) {
	l, err := net.Listen("tcp", e.cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("s3.listen: %w", err)
	}
	e.listener = l.(*net.TCPListener)
	return l.Addr(), nil
}

// Dial connects to the child, by its private socket, and has one started if there
// is none.
func (e *Endpoint) Dial(ctx context.Context) (net.Conn, error) {
	for {
		e.mu.Lock()
		up := e.up
		e.mu.Unlock()
		e.want()
		select {
		case <-up:
		case <-ctx.Done():
			return nil, fmt.Errorf("the S3 endpoint has not started: %w", ctx.Err())
		}
		var d net.Dialer
		c, err := d.DialContext(ctx, "unix", e.private)
		if err == nil {
			return c, nil
		}
		e.mu.Lock()
		same := up == e.up
		e.mu.Unlock()
		if same {
			return nil, err
		}
	}
}

func (e *Endpoint) want() {
	select {
	case e.wanted <- struct{}{}:
	default:
	}
}

// Run keeps a child running from its first use on until ctx ends, and returns when
// it has ended.
func (e *Endpoint) Run(ctx context.Context) (err error) {
	defer func() {
		e.transport.CloseIdleConnections()
		err = errors.Join(err, e.listener.Close())
	}()
	run, err := e.runDir()
	if err != nil {
		return fmt.Errorf("s3.dir: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(run)) }()
	e.private = filepath.Join(run, "private")
	control, err := net.Listen("unix", filepath.Join(run, "control"))
	if err != nil {
		return fmt.Errorf("s3.dir: %w", err)
	}
	srv := &http.Server{Handler: e.control(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(e.deps.Log.Handler(), slog.LevelDebug)}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(control) }()
	defer func() {
		err = errors.Join(err, srv.Close())
		<-served //nolint:errcheck // it was closed
	}()
	boot := Boot{
		Dir: e.cfg.Dir, Control: control.Addr().String(), Private: e.private, Public: filepath.Join(run, "public"),
		Region: e.deps.Region, NoSync: e.cfg.NoSync,
	}
	if left(e.cfg.Dir) {
		e.want()
	}
	e.supervise(ctx, &boot)
	return nil
}

// left reports whether an earlier child left events.
func left(dir string) bool {
	files, err := os.ReadDir(filepath.Join(dir, JournalDir))
	return err == nil && len(files) > 0
}

// JournalDir is where, in Config.Dir, a child writes what is about to happen.
const JournalDir = "journal"

// runDir makes the folder of the sockets: their names may not be long.
func (e *Endpoint) runDir() (string, error) {
	if err := os.MkdirAll(e.cfg.Dir, 0o700); err != nil {
		return "", err
	}
	run := filepath.Join(e.cfg.Dir, "run")
	const longest = 90 // of 104 on the strictest system, with the socket's name
	if len(run) > longest {
		return os.MkdirTemp("", "ebb-s3-")
	}
	if err := os.RemoveAll(run); err != nil {
		return "", err
	}
	return run, os.Mkdir(run, 0o700)
}

// Delays before a child that ended is started again.
const (
	firstDelay = 50 * time.Millisecond
	lastDelay  = 10 * time.Second
	lasting    = time.Minute // a child that ran so long has not failed at once
)

func (e *Endpoint) supervise(ctx context.Context, boot *Boot) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = firstDelay, lastDelay
	for {
		if !e.used(ctx) {
			return
		}
		began := time.Now()
		err := e.child(ctx, boot)
		if ctx.Err() != nil {
			if err != nil {
				e.deps.Log.Warn("the S3 endpoint did not end well", "error", err)
			}
			return
		}
		if time.Since(began) > lasting {
			wait.Reset()
		}
		e.deps.Log.Error("the S3 endpoint ended; it is started again", "error", err)
		e.want()
		timer := time.NewTimer(wait.NextBackOff())
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// used waits until somebody has use for a child: by Dial, or by a connection that
// waits at the listener. It reports whether that came before ctx ended.
func (e *Endpoint) used(ctx context.Context) bool {
	file, err := e.listener.File() // a listener itself cannot be waited for
	if err != nil {
		e.deps.Log.Error("the S3 endpoint does not see its connections", "error", err)
		return false
	}
	defer func() { _ = file.Close() }()
	conn, err := file.SyscallConn()
	if err != nil {
		return false
	}
	ctx, stop := context.WithCancel(ctx)
	connected := make(chan struct{})
	go func() {
		defer close(connected)
		_ = conn.Read(func(fd uintptr) bool { // ends by a deadline
			poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(poll, 0)
			return err == nil && n > 0 || ctx.Err() != nil
		})
	}()
	select {
	case <-ctx.Done():
	case <-e.wanted:
	case <-connected:
	}
	ended := ctx.Err() != nil
	stop()
	_ = file.SetReadDeadline(time.Now())
	<-connected
	return !ended
}

// stopLimit is how long a child may take to end.
const stopLimit = 15 * time.Second

// child runs one child until it ends, or ctx does.
func (e *Endpoint) child(ctx context.Context, boot *Boot) error {
	cmd, in, out, err := e.start(boot)
	if err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() {
		r := bufio.NewReader(out)
		for {
			line, err := r.ReadString('\n')
			line = strings.TrimSpace(line)
			switch {
			case line == Ready:
				e.answers(true)
			case line != "":
				e.deps.Log.Info("the S3 endpoint says", "line", line)
			}
			if err != nil {
				break
			}
		}
		exited <- cmd.Wait()
	}()
	select {
	case err = <-exited:
	case <-ctx.Done():
		_ = in.Close()
		timer := time.NewTimer(stopLimit)
		defer timer.Stop()
		select {
		case err = <-exited:
		case <-timer.C:
			err = errors.Join(errors.New("it did not end in time"), cmd.Process.Kill(), <-exited)
		}
	}
	e.answers(false)
	_ = in.Close()
	if err == nil && ctx.Err() == nil {
		err = errors.New("it ended by itself")
	}
	return err
}

func (e *Endpoint) start(boot *Boot) (*exec.Cmd, io.WriteCloser, io.Reader, error) {
	binary := e.deps.Binary
	if binary == "" {
		var err error
		if binary, err = os.Executable(); err != nil {
			return nil, nil, nil, err
		}
	}
	file, err := e.listener.File()
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() { _ = file.Close() }()
	cmd := exec.Command(binary, "s3") //nolint:noctx // it is told to end, and has time for that
	cmd.Env = []string{"LC_ALL=C"}    // nothing of the platform's
	cmd.ExtraFiles = []*os.File{file}
	cmd.SysProcAttr = childAttr()
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return nil, nil, nil, err
	}
	return cmd, in, out, json.NewEncoder(in).Encode(boot)
}

// answers notes whether a child does.
func (e *Endpoint) answers(yes bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.up:
		if !yes {
			e.up = make(chan struct{})
		}
	default:
		if yes {
			close(e.up)
		}
	}
}
