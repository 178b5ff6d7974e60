package process_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
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

func TestImagesAreRefused(t *testing.T) {
	d, err := process.Open(t.Context(), process.Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	_, err = d.Create(t.Context(), sandbox.Spec{ID: "image", Root: "/"})
	if ebb.TypeOf(err) != ebb.TypeSandboxUnavailable || !strings.Contains(err.Error(), "container images need the linux or rootless sandbox") {
		t.Errorf("error %v", err)
	}
}
