//go:build linux

package linux

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// image makes a tree as package artifact does: everybody may read, nobody write.
func image(t *testing.T, files map[string]string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "a root, with:colon\\")
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, link := strings.CutPrefix(content, "-> "); link {
			err = os.Symlink(to, path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o555)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func listTree(t *testing.T, root string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func imageBox(t *testing.T, b sandboxtest.Boxes, spec sandbox.Spec) sandbox.Box {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sandboxtest.Patience)
	defer cancel()
	box, err := b.Driver.Create(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Destroy)
	return box
}

// run runs a process in a box with an image and returns what it printed.
func runImage(t *testing.T, b sandboxtest.Boxes, id, root string, p sandbox.Process, places ...string) (string, sandbox.Exit) {
	t.Helper()
	box := imageBox(t, b, sandbox.Spec{ID: id, Root: root, Places: places})
	sandboxtest.StartProcess(t, box, p)
	out := sandboxtest.ReadAll(t, box)
	sandboxtest.Wait(t, box)
	return out, box.Exit()
}

func TestImageIsTheRoot(t *testing.T) {
	b := opened(t)
	probe, err := os.ReadFile(filepath.Join(b.Probe, "probe"))
	if err != nil {
		t.Fatal(err)
	}
	root := image(t, map[string]string{"app/probe": string(probe)})
	before := listTree(t, root)
	for name, p := range map[string]sandbox.Process{
		"absolute":     {Argv: []string{"/app/probe", "print", "x"}, Dir: "/"},
		"path":         {Argv: []string{"probe", "print", "x"}, Dir: "/", Env: []string{"PATH=/none::/app"}},
		"relative":     {Argv: []string{"./probe", "print", "x"}, Dir: "/app"},
		"made-workdir": {Argv: []string{"../app/probe", "print", "x"}, Dir: "/srv"},
	} {
		t.Run(name, func(t *testing.T) {
			if out, exit := runImage(t, b, name, root, p, "/srv"); out != "out x\nerr x\n" || exit.Code != 0 {
				t.Errorf("%q %+v", out, exit)
			}
		})
	}
	for name, p := range map[string]sandbox.Process{
		"no-program": {Argv: []string{"probe"}, Dir: "/app", Env: []string{"PATH=/bin"}},
		"no-dir":     {Argv: []string{"/app/probe"}, Dir: "/missing"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, exit := runImage(t, b, name, root, p); exit.Err == nil {
				t.Errorf("%+v", exit)
			}
		})
	}
	if after := listTree(t, root); len(after) != len(before) {
		t.Errorf("the image was written to: %v", after)
	}
}

func TestImageBoxIsABox(t *testing.T) {
	b := opened(t)
	root := image(t, map[string]string{
		"etc/passwd": "app:x:1000:1000::/home/app:/bin/sh", "etc/group": "app:x:1000:", "etc/hosts": "1.2.3.4 old",
		"etc/resolv.conf": "-> ../run/somewhere/resolv.conf", "proc": "-> dev/x/../../srv", "dev/x/y": "", "srv/z": "", "tmp": "a file",
		"data/x": "of the image",
	})
	before := listTree(t, root)
	script := `for p in /x /data/x /etc/x /etc/passwd /dev/x /proc/sys/kernel/hostname /run/x /srv/x; do
		{ true > $p; } 2>/dev/null && echo "wrote $p"; done
		true > /tmp/x && true > /dev/shm/x && true > /dev/null && echo allowed
		cat /data/x; echo; cat /etc/hosts /etc/resolv.conf /etc/hostname; id -un; cat /etc/passwd | wc -l
		ls /etc /srv /root 2>/dev/null; cat /proc/kcore 2>/dev/null; [ -d /proc/1 ] || echo hidden`
	var mounts []sandbox.Mount // the host's programs, which need its libraries
	for _, dir := range []string{"/usr", "/bin", "/lib", "/lib64"} {
		if _, err := os.Stat(dir); err == nil {
			mounts = append(mounts, sandbox.Mount{Source: dir, Target: dir})
		}
	}
	box := imageBox(t, b, sandbox.Spec{ID: "box", Root: root, Mounts: mounts})
	sandboxtest.StartProcess(t, box, sandbox.Process{Argv: []string{"sh", "-c", script}, Dir: "/", Env: []string{"PATH=/bin:/usr/bin"}})
	const want = "allowed\nof the image\n127.0.0.1 localhost ebb sandbox.localdomain\n::1 localhost\nebb\nsandbox\n2\n" +
		"/etc:\ngroup\nhostname\nhosts\npasswd\nresolv.conf\n\n/srv:\nz\nhidden\n"
	if out := sandboxtest.ReadAll(t, box); out != want {
		t.Errorf("output\n%s\nwant\n%s", out, want)
	}
	if after := listTree(t, root); len(after) != len(before) {
		t.Errorf("the image was written to: %v", after)
	}
}

func TestImageAttach(t *testing.T) {
	b := opened(t)
	root := image(t, map[string]string{"x": "y"})
	box := imageBox(t, b, sandbox.Spec{ID: "attach", Root: root, Places: []string{"/var/task"}})
	if err := box.Attach(t.Context(), []sandbox.Mount{{Source: b.Probe, Target: "/var/task"}}, sandbox.Limits{}); err != nil {
		t.Fatal(err)
	}
	sandboxtest.StartProcess(t, box, sandbox.Process{Argv: []string{"/var/task/probe", "print", "x"}, Dir: "/var/task"})
	if out := sandboxtest.ReadAll(t, box); out != "out x\nerr x\n" {
		t.Errorf("output %q", out)
	}
}

func TestImageMissing(t *testing.T) {
	b := opened(t)
	if box, err := b.Driver.Create(t.Context(), sandbox.Spec{ID: "missing", Root: "/not/there"}); err == nil {
		box.Destroy()
		t.Error("a box without its root")
	}
}

func BenchmarkImageBox(b *testing.B) {
	boxes := opened(b)
	root := filepath.Join(b.TempDir(), "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		b.Fatal(err)
	}
	for n := 0; b.Loop(); n++ {
		box, err := boxes.Driver.Create(b.Context(), sandbox.Spec{ID: fmt.Sprintf("bench-%d", n), Root: root})
		if err != nil {
			b.Fatal(err)
		}
		box.Destroy()
	}
}
