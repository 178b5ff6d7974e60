package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/test/platform"
)

// rootlessUser is who ebb runs as in these tests: nobody's number.
const rootlessUser = 64322

// rootlessTests are run again with an ebb that is not root: functions of all kinds,
// and those who want out.
const rootlessTests = "^(TestAsRootless.*|TestIsolation|TestInstancesShareNothing|TestNeighbourIsOutOfReach|TestFunctionCallsFunction|" +
	"TestEscapee|TestForgedCalls|TestFramedSocketAbuse|TestLogFlood|TestMemoryFlood|TestJavaProcess|" +
	"TestLayersOnTheUsualPaths|TestWebRequests|TestWebPythonAndGo|TestWebImage)$"

// asRootlessUser is a command of that user's, of the ebb at path.
func asRootlessUser(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = "/", []string{"HOME=/nonexistent", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = platform.As(rootlessUser)
	return cmd
}

// TestRootless runs the tests of this package again, against an ebb that somebody
// started who is not root.
func TestRootless(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 || platform.User() != 0 {
		t.Skip("it takes root to become somebody else, once")
	}
	dir, err := os.MkdirTemp("", "ebb-e2e-")
	must(t, err)
	t.Cleanup(func() { must(t, platform.Remove(dir)) })
	bin, err := platform.Binary()
	must(t, err)
	text, err := os.ReadFile(bin)
	must(t, err)
	bin = filepath.Join(dir, "ebb")
	must(t, errors.Join(os.Chmod(dir, 0o755), os.WriteFile(bin, text, 0o755)))
	if level := rootlessLevel(t, bin); !strings.HasPrefix(level.Detail, "rootless: ") {
		t.Skipf("no user namespaces for ordinary users here: %+v", level)
	}
	self, err := os.Executable()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-test.run", rootlessTests, "-test.v", "-test.timeout", "7m")
	cmd.Env = append(os.Environ(), "EBB_BIN="+bin, fmt.Sprintf("%s=%d", platform.UserVariable, rootlessUser), "EBB_REQUIRE_SANDBOX=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if n := strings.Count(string(out), "\n--- PASS"); err != nil || n < 14 {
		t.Errorf("%v, %d tests passed\n%s", err, n, out)
	}
	if left := rootlessProcesses(t); len(left) > 0 {
		t.Errorf("processes are left: %q", left)
	}
}

// level is doctor's line about the sandbox.
type level struct {
	Check, Status, Detail string
	Notes                 []string
}

func rootlessLevel(t *testing.T, bin string) level {
	t.Helper()
	out, err := asRootlessUser(t.Context(), bin, "doctor", "-o", "json").Output()
	var checks []level
	if jsonErr := json.Unmarshal(out, &checks); jsonErr != nil {
		t.Fatalf("%v, %v: %s", err, jsonErr, out)
	}
	for _, c := range checks {
		if c.Check == "sandbox" {
			return c
		}
	}
	t.Fatalf("doctor says nothing of the sandbox: %s", out)
	return level{}
}

// rootlessProcesses are the command lines of all that runs as rootlessUser.
func rootlessProcesses(t *testing.T) (list []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/status")
	must(t, err)
	mine := regexp.MustCompile(fmt.Sprintf(`(?m)^Uid:.*\t%d(\t|$)`, rootlessUser))
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil && mine.Match(text) && !strings.Contains(string(text), "State:\tZ") {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(f), "cmdline"))
			list = append(list, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return list
}

// inRootless is for tests that TestRootless runs.
func inRootless(t *testing.T) {
	t.Helper()
	if platform.User() != rootlessUser {
		t.Skip("TestRootless runs it")
	}
}

// TestAsRootlessLevel: doctor, the log, the API and the metrics say what it is, and
// what that means; and it is so for Python, Node.js and programs, cold and warm.
func TestAsRootlessLevel(t *testing.T) {
	inRootless(t)
	n, err := shared.Node(t.Context())
	if err != nil || n.Sandbox.Name != "rootless" {
		t.Fatalf("%v, %+v", err, n.Sandbox)
	}
	p := start(t, place(t)) // whose log begins with it
	if !regexp.MustCompile(`msg=sandbox level=rootless summary="own user namespace`).MatchString(p.Log()) {
		t.Errorf("the log says %s", p.Log())
	}
	bin, err := platform.Binary()
	must(t, err)
	notes := strings.Join(rootlessLevel(t, bin).Notes, "\n")
	for _, want := range []string{"zygote", "loop images", "socket-lookup", "cgroup"} {
		if !strings.Contains(notes, want) {
			t.Errorf("doctor says nothing of %s: %s", want, notes)
		}
	}
	functions := []platform.Function{
		python("import os\ndef handler(event, context):\n    return os.getpid()"),
		node("exports.handler = async () => process.pid"),
		{Runtime: "provided.al2023", Handler: "x", Files: map[string]string{"bootstrap": compiled(t, "./examples/hello-go")}},
	}
	for i, f := range functions {
		f.Name = fmt.Sprint(name(t), "-", i)
		deploy(t, f)
		for range 3 {
			if got := invoke(t, shared, f.Name, `{"name":"x"}`); got == "" || got == "1" {
				t.Errorf("%s answers %s", f.Runtime, got)
			}
		}
	}
	must(t, filepath.WalkDir(shared.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it was of an instance
		}
		if st, err := d.Info(); err == nil && st.Sys().(*syscall.Stat_t).Uid != rootlessUser {
			t.Errorf("%s belongs to %d", path, st.Sys().(*syscall.Stat_t).Uid)
		}
		return nil
	}))
}

// TestAsRootlessKilled: whichever of the two processes is killed, nothing is left of
// the platform; and who is asked to stop does, in an orderly way, once.
func TestAsRootlessKilled(t *testing.T) {
	inRootless(t)
	for what, end := range map[string]func(outer, inner int) error{
		"the first":  func(outer, _ int) error { return syscall.Kill(outer, syscall.SIGKILL) },
		"the second": func(_, inner int) error { return syscall.Kill(inner, syscall.SIGKILL) },
	} {
		p, tree := withInstance(t)
		must(t, end(tree[0].PID, tree[1].PID))
		<-p.Done()
		eventually(t, func() error {
			for _, one := range tree {
				if one.Alive() {
					return fmt.Errorf("%s was killed, %s is left", what, one.Command())
				}
			}
			return nil
		})
	}
	p, tree := withInstance(t)
	must(t, errors.Join(syscall.Kill(tree[0].PID, syscall.SIGTERM), syscall.Kill(tree[1].PID, syscall.SIGTERM))) // as systemd does
	must(t, p.Wait())
	if !strings.Contains(p.Log(), "msg=stopping") {
		t.Errorf("the log says %s", p.Log())
	}
}

// withInstance is a platform that runs a function, and its processes: the first,
// the second, and those of boxes.
func withInstance(t *testing.T) (*platform.Platform, []platform.Process) {
	t.Helper()
	p := start(t, place(t))
	f := python("def handler(event, context):\n    return 1")
	f.Name = name(t)
	must(t, p.Create(t.Context(), f))
	invoke(t, p, f.Name, "{}")
	tree, err := platform.ProcessTree(p.PID())
	must(t, err)
	if len(tree) < 4 || !strings.Contains(tree[1].Command(), "ebb serve") {
		t.Fatalf("%d processes, the second is %q", len(tree), tree[1].Command())
	}
	return p, tree
}

// TestAsRootlessRefused: where another level is asked for by name there is that or
// none.
func TestAsRootlessRefused(t *testing.T) {
	inRootless(t)
	bin, err := platform.Binary()
	must(t, err)
	dir := place(t)
	must(t, errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, rootlessUser, rootlessUser), os.Chmod(filepath.Dir(dir), 0o755)))
	config := filepath.Join(filepath.Dir(dir), "linux.yaml")
	must(t, os.WriteFile(config, []byte("sandbox: linux\n"), 0o644))
	cmd := asRootlessUser(t.Context(), bin, "serve", "--data", dir, "--config", config)
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 3 || !strings.Contains(string(out), "sandbox linux: ") {
		t.Errorf("%v: %s", err, out)
	}
	must(t, os.WriteFile(config, []byte("sandbox: process\n"), 0o644))
	p := start(t, dir, "--config", config)
	n, err := p.Node(t.Context())
	if err != nil || n.Sandbox.Name != "process" {
		t.Errorf("%v, %+v", err, n.Sandbox)
	}
	if tree, err := platform.ProcessTree(p.PID()); err != nil || len(tree) > 1 && strings.Contains(tree[1].Command(), "ebb serve") {
		t.Errorf("it runs twice: %v", err)
	}
}
