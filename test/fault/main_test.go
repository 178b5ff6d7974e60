package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/store/postgrestest"
	"github.com/ebb-faas/ebb/test/platform"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(drainer); url != "" {
		if err := drain(context.Background(), url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(postgrestest.Tests{M: m})
}

// limit is how long anything that other processes do may take. The machine may
// be busy with the tests of other packages.
const limit = 60 * time.Second

// place is a data directory that does not exist yet and is gone after the test.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ebb-fault-")
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

// start runs a platform, and at the end of the test checks that it stops well
// and leaves nothing.
func start(t *testing.T, data string, args ...string) *platform.Platform {
	t.Helper()
	p, err := platform.Start(context.Background(), platform.Config{Data: data, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var err error
		select {
		case <-p.Done(): // the test ended it
		default:
			err = errors.Join(p.Stop(), clean(p.Data))
		}
		if err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("end of its log:\n%s", p.Log())
		}
	})
	return p
}

// clean says what the machine still holds of a platform that has stopped.
func clean(data string) error {
	left, err := platform.Leftovers(data)
	if err == nil && left != (platform.Footprint{}) {
		err = fmt.Errorf("left behind: %+v", left)
	}
	return err
}

// kill ends p with SIGKILL.
func kill(t *testing.T, p *platform.Platform) {
	t.Helper()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
}

// requireLinux skips what only sandbox/linux can do, unless it must be there.
func requireLinux(t *testing.T, p *platform.Platform) {
	t.Helper()
	n, err := p.Node(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n.Sandbox.Name == "linux" {
		return
	}
	if os.Getenv("EBB_REQUIRE_SANDBOX") == "1" {
		t.Fatalf("the sandbox is %q", n.Sandbox.Name)
	}
	t.Skipf("the sandbox is %q: nothing to see here", n.Sandbox.Name)
}

func python(name, code string) platform.Function {
	return platform.Function{Name: name, Runtime: "python3", Handler: "app.handler", Files: map[string]string{"app.py": code}, TimeoutS: 30}
}

func node(name, code string) platform.Function {
	return platform.Function{Name: name, Runtime: "nodejs", Handler: "index.handler", Files: map[string]string{"index.js": code}, TimeoutS: 30}
}

// create creates functions.
func create(t *testing.T, p *platform.Platform, fs ...platform.Function) {
	t.Helper()
	for _, f := range fs {
		if err := p.Create(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
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

// state waits until a function has exactly one instance, in that state.
func state(t *testing.T, p *platform.Platform, function, want string) platform.Instance {
	t.Helper()
	var found platform.Instance
	eventually(t, func() error {
		all, err := p.Instances(t.Context(), function)
		if err == nil && (len(all) != 1 || all[0].State != want) {
			err = fmt.Errorf("instances %+v, want one that is %s", all, want)
		}
		if err == nil {
			found = all[0]
		}
		return err
	})
	return found
}

// configured writes a configuration file and returns the flags that name it.
func configured(t *testing.T, text string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ebb.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--config", path}
}

// below lists the processes below ebb.
func below(t *testing.T, p *platform.Platform) []platform.Process {
	t.Helper()
	tree, err := platform.ProcessTree(p.PID())
	if err != nil || len(tree) == 0 {
		t.Fatalf("%d processes, %v", len(tree), err)
	}
	return tree[1:]
}
