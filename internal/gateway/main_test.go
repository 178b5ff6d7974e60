package gateway

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testID = "abcdefghijklmnopqrstuvwxyz012345"

var (
	testNow  = time.Date(2026, 11, 22, 11, 0, 0, 123e6, time.UTC)
	testRoot = auth.Credentials{AccessKeyID: "AKIATESTTESTTESTTEST", SecretAccessKey: "0123456789abcdef0123", Token: "ebb_0123456789abcdef"}
	testKey  = ebb.FunctionKey{Service: ebb.DefaultService, Name: "hello"}
)

// dispatch stands in for invoke.
type dispatch func(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error)

func (d dispatch) Invoke(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
	return d(ctx, inv, sink)
}

// Resolve says that every function is a usual one.
func (d dispatch) Resolve(context.Context, ebb.FunctionKey, string) (*ebb.Version, error) {
	return &ebb.Version{}, nil
}

// saying answers every invocation with doc.
func saying(doc string) dispatch {
	return func(_ context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		return ebb.Result{}, say(sink, ebb.Head{}, doc)
	}
}

func say(sink ebb.Sink, head ebb.Head, chunks ...string) error {
	if err := sink.Head(head); err != nil {
		return err
	}
	for _, c := range chunks {
		if _, err := sink.Write([]byte(c)); err != nil {
			return err
		}
	}
	return nil
}

// urls is a table of function URLs that tests may change.
type urls struct {
	mu    sync.Mutex
	table map[string]ebb.FunctionURL
	reads int
}

func (u *urls) lookup(_ context.Context, id string) (*ebb.FunctionURL, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.reads++
	f, ok := u.table[id]
	if !ok {
		return nil, ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "The resource you requested does not exist.")
	}
	return &f, nil
}

func plainURL(edit ...func(*ebb.FunctionURL)) *urls {
	f := ebb.FunctionURL{FunctionKey: testKey, ID: testID, AuthType: ebb.URLAuthNone, Public: true, InvokeMode: ebb.InvokeModeBuffered}
	for _, e := range edit {
		e(&f)
	}
	return &urls{table: map[string]ebb.FunctionURL{f.ID: f}}
}

func withIAM(f *ebb.FunctionURL)    { f.AuthType = ebb.URLAuthIAM }
func withStream(f *ebb.FunctionURL) { f.InvokeMode = ebb.InvokeModeStream }

type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// rig is a gateway behind a real server.
type rig struct {
	*httptest.Server
	g   *Gateway
	log *syncBuffer
	url string // of the function
}

func newRig(t testing.TB, cfg Config, u *urls, d dispatch) *rig {
	t.Helper()
	return newRigBefore(t, cfg, u, d)
}

// newRigBefore is newRig with a door of the test's own.
func newRigBefore(t testing.TB, cfg Config, u *urls, d Dispatcher) *rig {
	t.Helper()
	var log syncBuffer
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return testNow }
	}
	a := auth.New(auth.Config{Now: cfg.Now}, testRoot)
	g := newGateway(cfg, u.lookup, d, a, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	srv := httptest.NewUnstartedServer(g)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.Start()
	t.Cleanup(srv.Close)
	srv.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &rig{srv, g, &log, srv.URL + "/url/" + testID}
}

type answered struct {
	status int
	header http.Header
	body   string
}

func (r *rig) do(t testing.TB, method, url, body string, header ...string) answered {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return r.send(t, req)
}

func (r *rig) send(t testing.TB, req *http.Request) answered {
	t.Helper()
	resp, err := r.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{resp.StatusCode, resp.Header, string(b)}
}
