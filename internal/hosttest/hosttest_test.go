package hosttest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/ebb-faas/ebb/internal/hosttest"
)

// told is a test that keeps what becomes of it.
type told struct {
	testing.TB
	said string
}

func (*told) Helper() {}

func (t *told) Skipf(format string, args ...any)  { t.said = "skipped: " + fmt.Sprintf(format, args...) }
func (t *told) Fatalf(format string, args ...any) { t.said = "failed: " + fmt.Sprintf(format, args...) }

func TestWhatIsMissing(t *testing.T) {
	for required, want := range map[string]string{"": "skipped: ", "0": "skipped: ", "1": "failed: "} {
		t.Setenv("EBB_REQUIRE_TOOLS", required)
		var got told
		hosttest.Program(&got, "ebb-no-such-program")
		if want += "this host lacks ebb-no-such-program: make test-deps installs it"; got.said != want {
			t.Errorf("EBB_REQUIRE_TOOLS=%s: %s", required, got.said)
		}
		got = told{}
		if path := hosttest.Program(&got, "go"); path == "" || got.said != "" {
			t.Errorf("go is at %q: %s", path, got.said)
		}
	}
}

func TestRoot(t *testing.T) {
	if _, err := os.Stat(filepath.Join(hosttest.Root(), "go.mod")); err != nil {
		t.Error(err)
	}
}

func TestPrograms(t *testing.T) {
	t.Setenv("EBB_PYTHON", "/p")
	t.Setenv("EBB_AWS", "/a")
	if got := hosttest.Python() + hosttest.AWS(); got != "/p/a" {
		t.Error(got)
	}
}
