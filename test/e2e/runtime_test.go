package e2e

import (
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/test/platform"
)

// TestRuntimeFromImage: the interpreter of a container image runs functions that
// are packages as usual; nothing of the host's interpreter is there. It survives
// a restart, and goes when no function needs it any more.
func TestRuntimeFromImage(t *testing.T) {
	t.Parallel()
	needsBoxes(t)
	data := place(t)
	p := start(t, data)
	uri := saved(t, buildImage(t, v1.Config{Env: []string{"PATH=/opt/python/bin:/usr/bin", "BANK=yes"}},
		pythonTree(t), layer(t, file{"marker", "of the image", 0o644, 0})))

	cli := func(want int, args ...string) string {
		t.Helper()
		stdout, stderr, code, err := p.CLI(t.Context(), args...)
		if err != nil || code != want {
			t.Fatalf("ebb %v: %v, %d, %s%s", args, err, code, stdout, stderr)
		}
		return stdout + stderr
	}
	if said := cli(2, "runtime", "add", "python2.9", "--image", uri); !strings.Contains(said, "is not python2.9") {
		t.Errorf("a version that is not in the image: %s", said)
	}
	if said := cli(2, "runtime", "add", "nodejs99.x", "--image", uri); !strings.Contains(said, "there is no node in its PATH") {
		t.Errorf("a language that is not in the image: %s", said)
	}
	cli(0, "runtime", "add", "risk-python", "--family", "python", "--image", uri)
	if said := cli(0, "runtime", "ls"); !strings.Contains(said, "risk-python") {
		t.Errorf("not listed: %s", said)
	}

	f := name(t)
	err := p.Create(t.Context(), platform.Function{Name: f, Runtime: "risk-python", Handler: "app.handler", TimeoutS: 20, Files: map[string]string{"app.py": `
import os, sys
def handler(event, context):
    return {"prefix": sys.base_prefix, "marker": open("/marker").read(), "bank": os.environ["BANK"],
            "host": os.path.exists("/usr/share"), "task": sorted(os.listdir("/var/task"))}
`}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"prefix": "/opt/python", "marker": "of the image", "bank": "yes", "host": false, "task": ["app.py"]}`
	for range 2 { // made for it, and made ahead
		if got := invoke(t, p, f, "{}"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	p = start(t, data)
	if got := invoke(t, p, f, "{}"); got != want {
		t.Errorf("after a restart: got %s, want %s", got, want)
	}
	if said := cli(2, "runtime", "rm", "risk-python"); !strings.Contains(said, "is used by "+f) {
		t.Errorf("removed while it is used: %s", said)
	}
	cli(0, "rm", "-y", f)
	cli(0, "runtime", "rm", "risk-python")
	if said := cli(0, "runtime", "ls"); strings.Contains(said, "risk-python") {
		t.Errorf("still listed: %s", said)
	}
}

// pythonTree is a layer with this host's Python, moved to another place, and the
// libraries it needs.
func pythonTree(t *testing.T) v1.Layer {
	t.Helper()
	said, err := exec.Command(hosttest.Program(t, "python3"), "-c", "import os, sys, sysconfig; print(os.path.realpath(sys.executable)); print(sysconfig.get_path('stdlib')); print('python%d.%d' % sys.version_info[:2])").Output()
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Split(strings.TrimSpace(string(said)), "\n")
	binary, stdlib, version := at[0], at[1], at[2]
	needed := map[string]bool{}
	libraries(t, binary, needed)
	files := []file{{"opt/python/bin/python3", content(t, binary), 0o755, 0}}
	err = filepath.WalkDir(stdlib, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case "test", "site-packages", "dist-packages", "__pycache__", "idlelib", "tkinter", "ensurepip", "lib2to3":
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || strings.HasPrefix(filepath.Base(filepath.Dir(path)), "config-") {
			return nil
		}
		if strings.HasSuffix(path, ".so") {
			libraries(t, path, needed)
		}
		files = append(files, file{"opt/python/lib/" + version + strings.TrimPrefix(path, stdlib), content(t, path), 0o644, 0})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path := range needed {
		files = append(files, file{strings.TrimPrefix(path, "/"), content(t, path), 0o755, 0})
	}
	return layer(t, files...)
}

// libraries adds what the dynamic linker loads for a program to found, by the
// path under which the program will look for it.
func libraries(t *testing.T, program string, found map[string]bool) {
	t.Helper()
	said, err := exec.Command("ldd", program).Output()
	if err != nil {
		return // a module for which something is missing on this host as well
	}
	for line := range strings.Lines(string(said)) {
		for _, word := range strings.Fields(line) {
			if strings.HasPrefix(word, "/") && isELF(word) {
				found[word] = true
			}
		}
	}
}

func isELF(path string) bool {
	f, err := elf.Open(path)
	if err == nil {
		err = f.Close()
	}
	return err == nil
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s: %v", path, err)
	}
	return string(text)
}
