//go:build linux

package linux

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(victimVar) != "" {
		victim()
		return
	}
	if os.Getenv(stuckVar) != "" {
		hangOnFolder()
		return
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(catalogDir)
		os.Exit(code)
	}))
}

// open makes a driver with small /tmps. It needs root and a built ebb-init.
func open(t testing.TB, dir string) *Driver {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("boxes need root")
	}
	cfg := Config{Dir: dir, TmpMB: 32}
	d, err := Open(context.Background(), cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		if strings.Contains(err.Error(), "ebb-init") {
			t.Fatalf("%v (CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o internal/sandbox/linux/initbin/ebb-init ./cmd/ebb-init)", err)
		}
		t.Fatal(err)
	}
	return d
}

func TestConformance(t *testing.T) {
	sandboxtest.Run(t, func(t *testing.T, dir string) sandbox.Driver { return open(t, dir) })
}

// opened is a driver and the probe, closed at the end of the test.
func opened(t testing.TB) sandboxtest.Boxes {
	t.Helper()
	d := open(t, t.TempDir())
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return sandboxtest.Boxes{Driver: d, Probe: sandboxtest.BuildProbe(t)}
}
