package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// small mounts a file system of that many MB and returns where.
func small(t *testing.T, mb int) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system takes root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("ebb-fault", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=700", mb)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fill writes a file until there is no room left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 1<<20)
	for size := len(block); size > 0; {
		_, err := f.Write(block[:size])
		if errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// packages lists what the package store of a data directory holds.
func packages(t *testing.T, data string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(data, "packages"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestFullDisk: with a full disk nothing new can be kept, and ebb says so; what
// runs goes on; lines that found no room are counted; with room all is well.
func TestFullDisk(t *testing.T) {
	disk := small(t, 64)
	data := filepath.Join(disk, "data")
	p := start(t, data, configured(t, "logs: {maxFunctionBuffered: 65536}\n")...)
	create(t, p, python("f", "def handler(event, context):\n    for n in range(event):\n        print('line', n, 'x' * 1000)\n    return event\n"))
	invoke(t, p, "f", "1")
	before := packages(t, data)

	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	g := python("g", "import sys\n# "+strings.Repeat("long ", 20_000)+"\ndef handler(event, context):\n    return 'g'\n")
	err := p.Create(t.Context(), g)
	refused, ok := client.ErrorOf(err)
	if !ok || refused.Status < 500 || refused.Type == "" || refused.RequestID == "" {
		t.Errorf("create: %v", err)
	}
	_, err = p.Lambda().GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("g")})
	if absent, ok := client.ErrorOf(err); !ok || absent.Status != 404 {
		t.Errorf("half a function: %v", err)
	}
	if after := packages(t, data); len(after) != len(before) {
		t.Errorf("half a package: %q, was %q", after, before)
	}
	for range 20 {
		if got := invoke(t, p, "f", "100"); got != "100" {
			t.Errorf("%s", got)
		}
	}
	if err := p.Client.Health(t.Context()); err != nil {
		t.Error(err)
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if err := p.Create(t.Context(), g); err != nil {
			return err
		}
		return nil
	})
	if got := invoke(t, p, "g", "{}"); got != `"g"` {
		t.Errorf("g: %s", got)
	}
	invoke(t, p, "f", "1")
	eventually(t, func() error {
		out, errs, code, err := p.CLI(t.Context(), "logs", "f")
		if err != nil || code != 0 || !strings.Contains(out, " log lines were dropped: ") {
			return fmt.Errorf("exit %d, %w: %s\n%d bytes of log do not say what was dropped", code, err, errs, len(out))
		}
		return nil
	})
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := clean(p.Data); err != nil {
		t.Error(err)
	}
	p = start(t, data)
	invoke(t, p, "f", "1")
	invoke(t, p, "g", "{}")
}

// TestNoDiskToStartOn: a start on a full disk fails with a reason, or works; it
// never breaks what is there.
func TestNoDiskToStartOn(t *testing.T) {
	disk := small(t, 64)
	data := filepath.Join(disk, "data")
	p := start(t, data)
	create(t, p, python("f", "def handler(event, context):\n    return event\n"))
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	if p, err := platform.Start(t.Context(), platform.Config{Data: data}); err == nil {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	} else if strings.Contains(err.Error(), "panic") || !strings.Contains(err.Error(), "ebb: ") {
		t.Error(err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	p = start(t, data)
	if got := invoke(t, p, "f", "1"); got != "1" {
		t.Errorf("%s", got)
	}
}
