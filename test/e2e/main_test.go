package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/internal/store/postgrestest"
	"github.com/ebb-faas/ebb/test/platform"
)

// shared is the platform of all tests that leave it as it is.
var shared *platform.Platform

// limit is how long anything that other processes do may take. The machine may
// be busy with the tests of other packages.
const limit = 60 * time.Second

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "ebb-e2e-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = platform.Remove(dir) }()
	if shared, err = platform.Start(context.Background(), platform.Config{Data: filepath.Join(dir, "data")}); err != nil {
		return fail(err)
	}
	code = m.Run()
	log := shared.Log()
	if err := errors.Join(shared.Stop(), clean(shared.Data), postgrestest.Stop()); err != nil {
		return fail(err)
	}
	if code != 0 {
		_, _ = fmt.Fprintln(os.Stderr, "end of the shared platform's log:\n"+log)
		return code
	}
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); err != nil {
		return fail(err)
	}
	return 0
}

func fail(err error) int {
	_, _ = fmt.Fprintln(os.Stderr, err)
	return 1
}

// clean says what the machine still holds of a platform that has stopped.
func clean(data string) error {
	left, err := platform.Leftovers(data)
	if err == nil && left != (platform.Footprint{}) {
		err = fmt.Errorf("left behind: %+v", left)
	}
	return err
}

// place is a data directory that does not exist yet and is gone after the test.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ebb-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := platform.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "data")
}

// start runs a platform of the test's own.
func start(t *testing.T, data string, args ...string) *platform.Platform {
	t.Helper()
	p, err := platform.Start(t.Context(), platform.Config{Data: data, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var err error
		select {
		case <-p.Done(): // the test ended it
		default:
			err = p.Stop()
		}
		if err := errors.Join(err, clean(p.Data)); err != nil {
			t.Error(err)
		}
	})
	return p
}

// names remembers what name gave each test; count makes them differ between the
// runs of one test.
var (
	names sync.Map
	count atomic.Int64
)

// name is a function name of the test's own, the same for all its calls.
func name(t *testing.T) string {
	plain := strings.Trim(regexp.MustCompile(`[^a-zA-Z0-9-_]+`).ReplaceAllString(t.Name(), "-"), "-")
	given, _ := names.LoadOrStore(t, fmt.Sprintf("%s-%d", plain, count.Add(1)))
	return given.(string)
}

// deploy creates f, named after the test if it has no name, and returns its
// name. It is gone with the test.
func deploy(t *testing.T, f platform.Function) string {
	t.Helper()
	if f.Name == "" {
		f.Name = name(t)
	}
	if err := shared.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := shared.Lambda().DeleteFunction(context.Background(), &lambda.DeleteFunctionInput{FunctionName: &f.Name})
		if err != nil {
			t.Error(err)
		}
	})
	return f.Name
}

// python is a function of the host's Python.
func python(code string) platform.Function {
	return platform.Function{Runtime: "python3", Handler: "app.handler", Files: map[string]string{"app.py": code}}
}

// node is a function of the host's Node.js.
func node(code string) platform.Function {
	return platform.Function{Runtime: "nodejs", Handler: "index.handler", Files: map[string]string{"index.js": code}}
}

// invoke runs a function that must not fail.
func invoke(t *testing.T, p *platform.Platform, function, payload string) string {
	t.Helper()
	answer, failed, err := p.Invoke(t.Context(), function, payload)
	if err != nil || failed != "" {
		t.Fatalf("invoke %s: %s %s %v", function, answer, failed, err)
	}
	return answer
}

// eventually waits for what happens in other processes.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	if err := platform.Poll(t.Context(), limit, check); err != nil {
		t.Fatal(err)
	}
}

// decode reads JSON that must be well-formed.
func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// programs are those of the repository that tests had compiled.
var programs sync.Map

// compiled is a program of the repository, static, compiled once.
func compiled(t *testing.T, pkg string) string {
	t.Helper()
	compile := sync.OnceValues(func() (string, error) {
		dir, err := os.MkdirTemp("", "ebb-e2e-")
		if err != nil {
			return "", err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		out := filepath.Join(dir, "program")
		if err := hosttest.Build(pkg, out); err != nil {
			return "", err
		}
		text, err := os.ReadFile(out)
		return string(text), err
	})
	once, _ := programs.LoadOrStore(pkg, compile)
	text, err := once.(func() (string, error))()
	must(t, err)
	return text
}

// within is the path of a file of the test's own.
func within(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
