//go:build linux

package runtime_test

import (
	"log/slog"
	"os"
	"testing"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/linux"
)

// openLinux returns nil where the host has no real boxes, unless they are
// required.
func openLinux(t testing.TB, dir string, log *slog.Logger) sandbox.Driver {
	t.Helper()
	d, err := linux.Open(t.Context(), linux.Config{Dir: dir, UIDBase: 900000, TmpPool: 2, TmpMB: 64}, log)
	if err == nil {
		return d
	}
	if os.Getenv("EBB_REQUIRE_SANDBOX") != "" {
		t.Fatal(err)
	}
	t.Logf("without real boxes: %v", err)
	return nil
}
