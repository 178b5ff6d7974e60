package hosttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Lacks ends t, which this host cannot run for want of something that could be
// installed; the text says what.
func Lacks(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("EBB_REQUIRE_TOOLS") == "1" {
		t.Fatalf(format, args...)
	} else {
		t.Skipf(format, args...)
	}
}

// Program is the path of a program that t runs.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Lacks(t, "this host lacks %s: make test-deps installs it", name)
	}
	return path
}

// Root is the top folder of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// Build compiles a program of the repository, static and stripped, into the file
// out. The package is named from the repository's top: ./examples/hello-go. Whoever
// may not compile finds it in the folder that EBB_TEST_BUILT names.
func Build(pkg, out string) error {
	if dir := os.Getenv("EBB_TEST_BUILT"); dir != "" {
		program, err := os.ReadFile(filepath.Join(dir, filepath.Base(pkg)))
		if err != nil {
			return err
		}
		return os.WriteFile(out, program, 0o755)
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg)
	cmd.Dir, cmd.Env = Root(), append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

// Python is a Python that has boto3: EBB_PYTHON, else the one of "make test-deps",
// else that on PATH.
func Python() string { return tool("EBB_PYTHON", "python", "python3") }

// AWS is the AWS command line: EBB_AWS, else the one of "make test-deps", else that on
// PATH.
func AWS() string { return tool("EBB_AWS", "aws", "aws") }

func tool(variable, inVenv, onPath string) string {
	if v := os.Getenv(variable); v != "" {
		return v
	}
	path := filepath.Join(Root(), "build", "venv", "bin", inVenv)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return onPath
}
