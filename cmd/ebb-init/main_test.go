//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func build(t *testing.T, arch string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "ebb-init")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// TestSmall: its size and its imports are part of every cold start.
func TestSmall(t *testing.T) {
	// arm64's segments begin at multiples of 64 KiB instead of 4.
	for arch, most := range map[string]int64{"amd64": 1536 << 10, "arm64": 1600 << 10} {
		st, err := os.Stat(build(t, arch))
		if err != nil {
			t.Fatal(err)
		}
		if st.Size() > most {
			t.Errorf("%s: ebb-init has %d bytes, at most %d are allowed", arch, st.Size(), most)
		}
	}
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, dep := range strings.Fields(string(out)) {
		switch {
		case dep == "os" || dep == "fmt" || dep == "net" || dep == "encoding/json":
			t.Errorf("ebb-init imports %s", dep)
		case strings.Contains(dep, ".") && !strings.HasPrefix(dep, "golang.org/x/sys/") &&
			!strings.HasSuffix(dep, "/cmd/ebb-init") && !strings.HasSuffix(dep, "/initproto"):
			t.Errorf("ebb-init imports %s", dep)
		}
	}
}

func TestByHand(t *testing.T) {
	out, err := exec.Command(build(t, runtime.GOARCH)).CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 2 || !strings.Contains(string(out), "started by ebb") {
		t.Errorf("started by hand it ends with %v: %s", err, out)
	}
}

func TestSplitPath(t *testing.T) {
	for path, want := range map[string][2]string{
		"/a": {"/", "a"}, "/a/b": {"/a", "b"}, "/a/b/c": {"/a/b", "c"},
	} {
		if dir, name := splitPath(path); dir != want[0] || name != want[1] {
			t.Errorf("%s is %q in %q", path, name, dir)
		}
	}
}

func TestDecimal(t *testing.T) {
	for v, want := range map[uint64]string{0: "0", 9: "9", 10: "10", 1<<64 - 1: "18446744073709551615"} {
		if got := decimal(v); got != want {
			t.Errorf("%d is written %s", v, got)
		}
	}
}
