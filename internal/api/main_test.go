package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/secret"
	"github.com/ebb-faas/ebb/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testRoot = auth.Credentials{AccessKeyID: "AKIATESTTESTTESTTEST", SecretAccessKey: "0123456789abcdef0123", Token: "ebb_0123456789abcdef"}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
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

// rig is the API behind a real server, with a real database and log below.
type rig struct {
	*httptest.Server
	api  *API
	cfg  Config
	said *syncBuffer
}

func newRig(t *testing.T, edit ...func(*Config)) *rig {
	t.Helper()
	dir, said := t.TempDir(), new(syncBuffer)
	log := slog.New(slog.NewTextHandler(said, nil))
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "ebb.db"), Twice: true})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Tx(t.Context(), func(tx *store.Tx) error {
		key := ebb.FunctionKey{Service: ebb.DefaultService, Name: "hello"}
		return errors.Join(tx.InsertFunction(&ebb.Function{FunctionKey: key, CreatedAt: time.Now()}),
			tx.InsertVersion(&ebb.Version{FunctionKey: key, RevisionID: "r", LastModified: time.Now()}))
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := logs.Open(logs.Config{Dir: filepath.Join(dir, "logs")}, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- l.Run(ctx) }()
	secrets, err := secret.Open(t.Context(), secret.Config{Dir: dir}, s)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Version: "1.2.3", Region: "us-east-1", Began: time.Now().Add(-time.Minute), Log: log,
		Auth:      auth.New(auth.Config{Store: s, Seal: secrets.SealKey, Open: secrets.OpenKey}, testRoot),
		Functions: function.New(function.Config{CheckSecrets: secrets.Check}, s, nil, nil), Secrets: secrets, Logs: l}
	for _, e := range edit {
		e(&cfg)
	}
	r := &rig{api: New(cfg), cfg: cfg, said: said}
	r.Server = httptest.NewUnstartedServer(r.api)
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	r.Start()
	t.Cleanup(func() {
		r.Close()
		cancel()
		if err := <-ran; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) request(t *testing.T, ctx context.Context, method, path string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, r.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testRoot.Token)
	return req
}

// get returns the answer to a request with the root token.
func (r *rig) get(t *testing.T, method, path string) (*http.Response, string) {
	t.Helper()
	return r.do(t, r.request(t, t.Context(), method, path))
}

func (r *rig) do(t *testing.T, req *http.Request) (*http.Response, string) {
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
	return resp, string(b)
}

// refused checks a problem.
func refused(t *testing.T, resp *http.Response, body string, status int, code, detail string) {
	t.Helper()
	var p Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if resp.StatusCode != status || p.Status != status || p.Code != code || !strings.Contains(p.Detail, detail) ||
		p.Title != http.StatusText(status) || p.Type != errorPages+code+".md" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp.Header.Get("Content-Type") != "application/problem+json" || resp.Header.Get("X-Amzn-Errortype") != code ||
		resp.Header.Get("X-Amzn-Requestid") == "" {
		t.Errorf("%v", resp.Header)
	}
}
