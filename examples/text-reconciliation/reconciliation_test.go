package reconciliation

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// compile builds Compare, with one text replaced by another unless old is "".
func compile(t *testing.T, old, replacement string) string {
	t.Helper()
	if _, err := exec.LookPath("javac"); err != nil {
		if os.Getenv("EBB_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skip("without a JDK there is no Compare to try")
	}
	dir := t.TempDir()
	mutate(t, "java/reconciliation/Compare.java", filepath.Join(dir, "Compare.java"), old, replacement)
	out, err := exec.Command("javac", "-J-XX:TieredStopAtLevel=1", "--release", "11", "-d", dir, filepath.Join(dir, "Compare.java")).CombinedOutput()
	if err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	return dir
}

func mutate(t *testing.T, from, to, old, replacement string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if old != "" && !strings.Contains(string(text), old) {
		t.Fatalf("%s does not contain %q", from, old)
	}
	if err := os.WriteFile(to, []byte(strings.Replace(string(text), old, replacement, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// reconcile runs the steps without a platform and checks the report.
func reconcile(t *testing.T, python, classes string, lines, each, seed int) error {
	t.Helper()
	dir := t.TempDir()
	if err := Generate(t.Context(), ".", dir, lines, each, seed); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("python3", "-B", "tests/local.py", dir, python, classes).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	_, _, err = Verify(dir, "local")
	return err
}

// TestReportIsExact: whatever the day is like, the report lists what was seeded
// and nothing else.
func TestReportIsExact(t *testing.T) {
	classes := compile(t, "", "")
	for seed := range 6 {
		lines, each := 100+seed*150, 1+seed%5
		if err := reconcile(t, "python", classes, lines, each, seed); err != nil {
			t.Errorf("seed %d, %d lines, %d of each: %v", seed, lines, each, err)
		}
	}
}

// TestMistakesAreCaught: a comparison that overlooks something, or sees too much,
// does not pass the check.
func TestMistakesAreCaught(t *testing.T) {
	whole := compile(t, "", "")
	for _, m := range []struct{ file, old, replacement string }{
		{"Compare.java", `differs("AMOUNT", a, a.amount, b.amount);`, ``},
		{"Compare.java", `differs("ACCOUNT", a, a.account, b.account);`, ``},
		{"Compare.java", `differs("CURRENCY", a, a.currency, b.currency);`, ``},
		{"Compare.java", `if (!left.equals(right))`, `if (left.length() != right.length())`},
		{"Compare.java", `if (open.putIfAbsent(r.key, r) != null)`, `if (open.put(r.key, r) != null && false)`},
		{"Compare.java", `if (!seen.add(b.key))`, `if (!seen.add(b.key) && false)`},
		{"Compare.java", `for (Record a : open.values())`, `for (Record a : new Record[0])`},
		{"Compare.java", `report("MISSING", "left", b.key`, `if (false) report("MISSING", "left", b.key`},
		{"delimited.py", `.decode(f["encoding"]).split(f["delimiter"])`, `.decode(f["encoding"], "replace").split(f["delimiter"])`},
		{"delimited.py", `line.decode(f["encoding"]).split(f["delimiter"])`, `[p.decode(f["encoding"]) for p in line.split(f["delimiter"].encode())]`},
		{"delimited.py", `text.replace(",", "")`, `text`},
		{"fixed.py", `out.control("COUNT"`, `str("COUNT"`},
		{"fixed.py", `out.control("TOTAL"`, `str("TOTAL"`},
		{"fixed.py", ` or len(line) != length`, ``},
		{"shards.py", `self.bad(line, "BAD_DATABASE")`, `pass`},
		{"persist.py", `if f.endswith(".txt")`, `if f.endswith("0.txt")`},
	} {
		t.Run(m.file+" "+m.old, func(t *testing.T) {
			t.Parallel()
			python := "python"
			var classes string
			if m.file == "Compare.java" {
				classes = compile(t, m.old, m.replacement)
			} else {
				classes, python = whole, t.TempDir()
				all, err := filepath.Glob("python/*.py")
				if err != nil || len(all) == 0 {
					t.Fatal(err)
				}
				for _, file := range all {
					old, replacement := "", ""
					if filepath.Base(file) == m.file {
						old, replacement = m.old, m.replacement
					}
					mutate(t, file, filepath.Join(python, filepath.Base(file)), old, replacement)
				}
			}
			if err := reconcile(t, python, classes, 600, 5, 7); err == nil {
				t.Error("the mistake was not noticed")
			}
		})
	}
}
