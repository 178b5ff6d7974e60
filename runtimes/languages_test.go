package runtimes

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestBootstrapsOwnTests runs the tests that the bootstraps have in their own
// languages. All versions of an interpreter go through test/runtime; here it is
// the host's choice and the oldest.
func TestBootstrapsOwnTests(t *testing.T) {
	c, err := Load(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	suites := map[string][]string{
		"python": {"-m", "unittest", "-q"},
		"nodejs": {"--test", "test/bootstrap.test.js", "test/hooks.test.js"},
	}
	for name, args := range suites {
		var mine []*Runtime
		for _, id := range c.IDs() {
			if r, _ := c.Lookup(id); r.Family == name {
				mine = append(mine, r)
			}
		}
		if len(mine) == 0 {
			t.Logf("this host has no %s", name)
			continue
		}
		done := make(map[string]bool)
		for _, r := range []*Runtime{mine[0], mine[min(1, len(mine)-1)]} {
			if done[r.Argv[0]] || name == "nodejs" && compareVersions(r.Version, "18") < 0 { // node --test is of 18
				continue
			}
			done[r.Argv[0]] = true
			t.Run(r.ID, func(t *testing.T) {
				cmd := exec.CommandContext(t.Context(), r.Argv[0], args...)
				cmd.Dir = name
				cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, failures(string(out)))
				}
			})
		}
	}
}

// failures is the end of a long report.
func failures(out string) string {
	const most = 8000
	if len(out) > most {
		return "…" + out[len(out)-most:]
	}
	return out
}
