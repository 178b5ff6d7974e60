package runtimes

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/hosttest"
)

// TestJavaBootstrap builds the Java bootstrap and runs its own tests, with every
// Java of this host.
func TestJavaBootstrap(t *testing.T) {
	for _, tool := range []string{"mvn", "javac"} {
		hosttest.Program(t, tool)
	}
	// What Maven reads go test does not see; read it too, so that a change of it
	// is not answered from the cache.
	err := fs.WalkDir(os.DirFS("."), "java/src", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		_, err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// Without skipping them the tests take the JVM that Maven runs on.
	maven(t, "verify")
	c, err := Load(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tested := map[string]bool{javaOfMaven(t): true}
	for _, id := range c.IDs() {
		r, _ := c.Lookup(id)
		if r.Family != "java" || tested[r.Argv[0]] {
			continue
		}
		tested[r.Argv[0]] = true
		t.Run(r.ID, func(t *testing.T) {
			maven(t, "surefire:test@default-test", "-Dtest=ProcessTest,LifeTest", "-Debb.java="+r.Argv[0])
		})
	}
}

// maven runs goals, without the network if that suffices.
func maven(t *testing.T, goals ...string) {
	t.Helper()
	var out []byte
	for _, offline := range [][]string{{"-o"}, nil} {
		cmd := exec.CommandContext(t.Context(), "mvn", append(append(offline, "-q", "-B"), goals...)...)
		cmd.Dir = "java"
		var err error
		if out, err = cmd.CombinedOutput(); err == nil {
			return
		}
		if !bytes.Contains(out, []byte("offline mode")) {
			break
		}
	}
	t.Fatalf("mvn %s:\n%s", strings.Join(goals, " "), failures(string(out)))
}

// javaOfMaven is the JVM that Maven runs on.
func javaOfMaven(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "mvn", "-v").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(out), "runtime: ")
	home, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(home) + "/bin/java"
}
