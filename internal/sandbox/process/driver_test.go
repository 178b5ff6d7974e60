package process_test

import (
	"context"
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/process"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(victimVar) != "" {
		victim()
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, dir string) sandbox.Driver {
	t.Helper()
	d, err := process.Open(context.Background(), process.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestConformance(t *testing.T) { sandboxtest.Run(t, open) }
