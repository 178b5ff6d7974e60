//go:build !linux

package runtime_test

import (
	"log/slog"
	"testing"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

func openLinux(testing.TB, string, *slog.Logger) sandbox.Driver { return nil }
