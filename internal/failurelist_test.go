package internal_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// outputOfManyPackages is what "go test" prints where things fail in each of
// the ways that there are; {TAB} is a tab.
const outputOfManyPackages = `# example.com/broken [example.com/broken.test]
broken/x_test.go:3:7: undefined: y
ok  {TAB}example.com/fine{TAB}0.1s
?   {TAB}example.com/nothing{TAB}[no test files]
time=2026-11-22T12:00:00Z level=ERROR msg="a log line of a test that passes"
--- FAIL: TestOne (0.01s)
    one_test.go:1: it is not so
    --- FAIL: TestOne/nested (0.00s)
        one_test.go:9: nor is this
            as the second line says
time=2026-11-22T12:00:00Z level=ERROR msg="a stray log line"
FAIL
FAIL{TAB}example.com/one{TAB}2.0s
FAIL{TAB}example.com/broken [build failed]
panic: test timed out after 1s
{TAB}running tests:
{TAB}{TAB}TestSlow (1s)

goroutine 1 [running]:
FAIL{TAB}example.com/slow{TAB}1.0s
==================
WARNING: DATA RACE
Write at 0x0 by goroutine 7:
  main.f()

Previous write at 0x0 by goroutine 8:
  main.g()
==================
--- FAIL: TestRace (0.1s)
    testing.go:1490: race detected during execution of test
FAIL
FAIL{TAB}example.com/race{TAB}1.0s
ok  {TAB}example.com/last{TAB}(cached)
`

// TestFailuresAreListedAtTheEnd: "make test" ends with what failed, by package
// and with the test's own words, and keeps the exit code.
func TestFailuresAreListedAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	printed, log := filepath.Join(dir, "printed"), filepath.Join(dir, "kept", "test.log")
	if err := os.WriteFile(printed, []byte(strings.ReplaceAll(outputOfManyPackages, "{TAB}", "\t")), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(code string) (out string, exit int) {
		b, err := exec.Command("../scripts/test.sh", log, "sh", "-c", `cat "$0"; exit $1`, printed, code).CombinedOutput()
		if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
			return string(b), failed.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		return string(b), 0
	}

	out, exit := run("7")
	all, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if exit != 7 || !strings.HasPrefix(out, string(all)) {
		t.Fatalf("exit code %d, or the output itself is not there:\n%s", exit, out)
	}
	list := strings.TrimPrefix(out, string(all))
	for _, want := range []string{
		"== example.com/one\n", "it is not so", "TestOne/nested (0.00s)", "as the second line says",
		"main.g()", "undefined: y", "\t\tTestSlow (1s)\n", "goroutine 1 [running]",
		`
== failed:
   example.com/one: TestOne (0.01s)
   example.com/one: TestOne/nested (0.00s)
   example.com/broken [build failed]
   example.com/slow: panic: test timed out after 1s
   example.com/race: WARNING: DATA RACE
   example.com/race: TestRace (0.1s)
exit code 7;`,
	} {
		if !strings.Contains(list, want) {
			t.Errorf("the list lacks %q:\n%s", want, list)
		}
	}
	if strings.Contains(list, "log line") || strings.Contains(list, "example.com/fine") {
		t.Errorf("the list has what did not fail:\n%s", list)
	}

	if out, exit := run("0"); exit != 0 || strings.Contains(out, "== failed") {
		t.Errorf("exit code %d:\n%s", exit, out)
	}
}

// TestFlakyTestsAreTold: a test that fails once and then passes three times alone
// does not fail "make test", but is told; one that fails again does, and so does
// whatever is worse than a failed test.
func TestFlakyTestsAreTold(t *testing.T) {
	const one = "--- FAIL: TestOne (0.01s)\n    one_test.go:1: not so\n    --- FAIL: TestOne/nested (0.00s)\nFAIL\nFAIL\texample.com/one\t2.0s\n"
	for _, c := range []struct {
		name, printed, again string
		exit                 int
		rerun                bool
	}{
		{"passes alone", one, "0", 0, true},
		{"fails again", one, "1", 1, true},
		{"a race", "WARNING: DATA RACE\n" + one, "0", 1, false},
		{"a panic", "panic: no\n" + one, "0", 1, false},
		{"more than two", one + strings.ReplaceAll(one, "One", "Two") + strings.ReplaceAll(one, "One", "Three"), "0", 1, false},
		{"does not compile", one + "FAIL\texample.com/two [build failed]\n", "0", 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "test.log")
			// What it is given: the output, what comes of running again, and what go test would be.
			const fake = `for a; do if [ "$a" = -run ]; then echo "again:" "${@:3}"; exit $2; fi; done; printf %s "$1"; exit 1`
			cmd := exec.Command("../scripts/test.sh", log, "bash", "-c", fake, "bash", c.printed, c.again, "./first", "./...")
			cmd.Env = append(os.Environ(), "RERUN=1")
			out, err := cmd.CombinedOutput()
			if exit := cmd.ProcessState.ExitCode(); exit != c.exit {
				t.Errorf("exit code %d, %v:\n%s", exit, err, out)
			}
			if got := strings.Contains(string(out), "again: -count=3 -run ^TestOne$ example.com/one\n"); got != c.rerun {
				t.Errorf("run again: %v:\n%s", got, out)
			}
			if got := strings.Contains(string(out), "== flaky: failed once, passed three times alone\n   example.com/one TestOne\n"); got != (c.exit == 0) {
				t.Errorf("told as flaky: %v:\n%s", got, out)
			}
		})
	}
}
