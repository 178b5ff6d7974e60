package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ebb-faas/ebb/test/platform"
)

// refusedStart starts ebb on data, which must fail, and returns what it said.
func refusedStart(t *testing.T, data string) string {
	t.Helper()
	p, err := platform.Start(t.Context(), platform.Config{Data: data})
	if err == nil {
		_ = p.Stop()
		t.Fatal("it started")
	}
	if !strings.Contains(err.Error(), "exit status") || strings.Contains(err.Error(), "panic") {
		t.Errorf("%v", err)
	}
	return err.Error()
}

func TestSecondServerIsRefused(t *testing.T) {
	t.Parallel()
	said := refusedStart(t, shared.Data)
	if !strings.Contains(said, shared.Data) || !strings.Contains(said, "in use by another ebb") || !strings.Contains(said, fmt.Sprint(shared.PID())) {
		t.Error(said)
	}
	// The first one has noticed nothing.
	if _, err := shared.Node(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(shared.Data, "server.json")); err != nil {
		t.Error(err)
	}
}

// stopped makes a data directory that a server has used and left.
func stopped(t *testing.T) string {
	t.Helper()
	dir := place(t)
	p, err := platform.Start(t.Context(), platform.Config{Data: dir})
	if err != nil {
		t.Fatal(err)
	}
	f := python(greet)
	f.Name = "f"
	if err := p.Create(t.Context(), f); err != nil {
		t.Error(err)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestUnusableDatabase: what ebb does not understand it does not touch.
func TestUnusableDatabase(t *testing.T) {
	t.Parallel()
	dir := stopped(t)
	file := filepath.Join(dir, "ebb.db")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(good)
	for i := 4096; i < len(damaged) && i < 16384; i++ {
		damaged[i] ^= 0x5a
	}
	for _, c := range []struct {
		what, says string
		content    []byte
	}{
		{"not a database", "is not an SQLite database", []byte("dear diary, today I learned what a database is not")},
		{"damaged", "damaged", damaged},
		{"newer", "later ebb", nil},
	} {
		if c.content == nil {
			if err := os.WriteFile(file, good, 0o600); err != nil {
				t.Fatal(err)
			}
			_, errs, code, err := shared.Python(t.Context(), "testdata/newer_schema.py", file)
			if err != nil || code != 0 {
				t.Fatalf("%v: %s", err, errs)
			}
			if c.content, err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(file, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		if said := refusedStart(t, dir); !strings.Contains(said, c.says) || !strings.Contains(said, file) {
			t.Errorf("%s: %s", c.what, said)
		}
		if after, err := os.ReadFile(file); err != nil || !bytes.Equal(after, c.content) {
			t.Errorf("%s: %d bytes became %d, %v", c.what, len(c.content), len(after), err)
		}
	}
	if err := os.WriteFile(file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, dir)
	invoke(t, p, "f", `{"name":"x"}`)
}

func TestOpenCredentialsAreRefused(t *testing.T) {
	t.Parallel()
	dir := stopped(t)
	file := filepath.Join(dir, "credentials.json")
	st, err := os.Stat(file)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", st.Mode(), err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if said := refusedStart(t, dir); !strings.Contains(said, "chmod 600 "+file) {
		t.Error(said)
	}
}

// TestStopLetsWorkFinish: after SIGTERM an invocation in flight gets its answer,
// new ones are refused, and the exit code is 0.
func TestStopLetsWorkFinish(t *testing.T) {
	t.Parallel()
	p := start(t, place(t))
	f := python("import time\ndef handler(event, context):\n    time.sleep(3)\n    return 'finished'\n")
	f.Name, f.TimeoutS = "slow", 20
	if err := p.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	type result struct {
		answer, failed string
		err            error
	}
	done := make(chan result, 1)
	ctx := t.Context()
	go func() {
		answer, failed, err := p.Invoke(ctx, f.Name, "{}")
		done <- result{answer, failed, err}
	}()
	eventually(t, func() error {
		running, err := p.Instances(ctx, f.Name)
		if err == nil && (len(running) == 0 || running[0].State != "busy") {
			err = fmt.Errorf("%+v", running)
		}
		return err
	})
	if err := syscall.Kill(p.PID(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if r := <-done; r.err != nil || r.failed != "" || r.answer != `"finished"` {
		t.Errorf("%+v", r)
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
	if _, _, err := p.Invoke(ctx, f.Name, "{}"); err == nil {
		t.Error("it still answers")
	}
	if _, err := os.Stat(filepath.Join(p.Data, "server.json")); err == nil {
		t.Error("a stopped server is still announced")
	}
}
