package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/test/platform"
)

// verb runs ebb in dir and returns what it printed and its exit code.
func verb(t *testing.T, dir string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd, err := shared.Command(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Dir = dir
	stdout, stderr, code, err = platform.Output(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return stdout, stderr, code
}

// TestVerbs is the whole way of a function, for each kind of project. (What each
// verb prints, and its flags, are tested beside the verbs.)
func TestVerbs(t *testing.T) {
	t.Parallel()
	for _, runtime := range []string{"python", "nodejs", "go"} {
		t.Run(runtime, func(t *testing.T) {
			t.Parallel()
			dir, f := t.TempDir(), name(t)
			do := func(code int, args ...string) string {
				t.Helper()
				out, errs, got := verb(t, dir, args...)
				if got != code {
					t.Fatalf("ebb %s: exit %d, want %d:\n%s%s", strings.Join(args, " "), got, code, out, errs)
				}
				return out
			}
			do(0, "init", f, "--runtime", runtime)
			if out := do(0, "deploy", f, "-o", "json"); !strings.Contains(out, "created") {
				t.Errorf("deploy: %s", out)
			}
			if out := do(0, "deploy", f); !strings.Contains(out, "unchanged") {
				t.Errorf("deploy again: %s", out)
			}
			if out := do(0, "invoke", f, "--data", `{"name":"Mei"}`); !strings.Contains(out, "Mei") {
				t.Errorf("invoke: %s", out)
			}
			out := do(0, "invoke", f, "--data", "@"+filepath.Join(f, "event.json"), "-o", "json")
			if got := decode[struct {
				Status        int
				FunctionError string
			}](t, out); got.Status != 200 || got.FunctionError != "" {
				t.Errorf("invoke: %s", out)
			}
			if out := do(0, "logs", f, "--since", "1h"); !strings.Contains(out, "REPORT RequestId: ") {
				t.Errorf("logs: %s", out)
			}
			if out := do(0, "ls", "-o", "json"); !strings.Contains(out, `"name": "`+f+`"`) {
				t.Errorf("ls: %s", out)
			}
			do(0, "rm", f, "--yes")
			do(2, "invoke", f)
		})
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	f := deploy(t, python("def handler(event, context):\n    return 1 / 0\n"))
	out, errs, code := verb(t, "", "invoke", f)
	if code != 1 || !strings.Contains(out, `"errorType": "ZeroDivisionError"`) && !strings.Contains(out, `"errorType":"ZeroDivisionError"`) ||
		!strings.Contains(errs, "the function "+f+" failed: ZeroDivisionError") {
		t.Errorf("a failed function: exit %d, %s%s", code, out, errs)
	}
	if _, _, code := verb(t, "", "invoke", f, "--nonsense"); code != 2 {
		t.Errorf("a wrong flag: exit %d", code)
	}
	if _, _, code := verb(t, "", "invoke", f, "--data", "{"); code != 2 {
		t.Errorf("a wrong event: exit %d", code)
	}
	cmd, err := shared.Command(t.Context(), "ls", "--data", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, errs, code, err := platform.Output(cmd); err != nil || code != 3 || !strings.Contains(errs, "ebb serve") {
		t.Errorf("no server: exit %d, %v, %s", code, err, errs)
	}
}
