package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/ebb-faas/ebb/internal/hosttest"
)

// shared is the server of this test binary. A test binary has one; nothing else
// has a place to keep it between tests.
var shared = struct {
	sync.Mutex
	server *Server
	err    error
	made   int
	kept   map[string][]*kept // that no test has, by what was altered
}{kept: make(map[string][]*kept)}

// Database makes a database for t and returns its URL, password included. It is
// gone when t ends. Where there is no PostgreSQL, t ends as hosttest.Lacks has it.
func Database(t testing.TB) string {
	t.Helper()
	url, drop, err := Make(context.Background())
	skip(t, err)
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	return url
}

// Make is Database where there is no test: in benchmarks that are programs.
func Make(ctx context.Context) (url string, drop func() error, err error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = start(ctx)
	}
	if shared.err != nil {
		return "", nil, shared.err
	}
	shared.made++
	return shared.server.database(ctx, fmt.Sprintf("test_%d", shared.made))
}

func (s *Server) database(ctx context.Context, name string) (url string, drop func() error, err error) {
	if err := s.exec(ctx, postgres, "CREATE DATABASE "+name); err != nil {
		return "", nil, fmt.Errorf("%w\n%s", err, s.log())
	}
	drop = func() error { return s.exec(context.Background(), postgres, "DROP DATABASE "+name+" WITH (FORCE)") }
	return s.url(name), drop, nil
}

// Own starts a server of t's own, to be broken, and returns the URL of a
// database on it. It is gone when t ends.
func Own(t testing.TB) (s *Server, url string) {
	t.Helper()
	s, err := start(context.Background())
	skip(t, err)
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	if url, _, err = s.database(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	return s, url
}

// skip ends t if there is no server.
func skip(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errMissing) {
		hosttest.Lacks(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Tests are those of a test binary; goleak.VerifyTestMain takes them for M.
type Tests struct{ M *testing.M }

// Run runs all tests and stops the server, if one was started.
func (t Tests) Run() (code int) {
	code = t.M.Run()
	if err := Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Stop stops the server, if one was started.
func Stop() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		return nil
	}
	s := shared.server
	shared.server, shared.err = nil, errors.New("postgrestest: stopped")
	return s.stop()
}
