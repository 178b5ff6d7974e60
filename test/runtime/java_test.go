package runtime_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	javaSource = "testdata/java"
	javaJar    = "../../runtimes/java/dist/ebb-runtime.jar" // has the handler API in it
)

// classes compiles the Java functions, once for all tests of a run.
var classes = sync.OnceValues(func() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "ebb-java-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	sources, err := filepath.Glob(javaSource + "/*.java")
	if err != nil {
		return nil, err
	}
	// Java 8 is the oldest that runs here.
	args := append([]string{"--release", "8", "-Xlint:-options", "-encoding", "UTF-8", "-cp", javaJar, "-d", dir}, sources...)
	if out, err := exec.Command("javac", args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("javac: %w\n%s", err, out)
	}
	made, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all := make(map[string][]byte)
	for _, f := range made {
		if strings.HasPrefix(f.Name(), "Gone") { // a dependency that was forgotten
			continue
		}
		if all[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name())); err != nil {
			return nil, err
		}
	}
	return all, nil
})

// compileJava fills the package with the compiled functions, if the host can
// run them.
func (s *suite) compileJava(t testing.TB, f *family) {
	t.Helper()
	if _, ok := s.catalog.Lookup("java"); !ok {
		t.Logf("without Java: %v", s.catalog.Missing())
		return
	}
	files, err := classes()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(f.code, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
