//go:build !linux

package linux

import (
	"context"
	"log/slog"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/egress"
	"github.com/ebb-faas/ebb/internal/sandbox"
)

// Config of the driver, as on Linux.
type Config struct {
	Dir               string
	UIDBase, UIDCount int
	TmpPool, TmpMB    int
	Ahead             int
	Outer             int
	StartTimeout      time.Duration
	Egress            egress.Config
}

// Driver cannot exist here.
type Driver struct{ sandbox.Driver }

// Open fails: namespaces are Linux's.
func Open(context.Context, Config, *slog.Logger) (*Driver, error) { return nil, unavailable() }

// Check fails like Open.
func Check(string) (sandbox.Level, error) { return sandbox.Level{}, unavailable() }

func unavailable() error {
	return ebb.Errorf(ebb.Unavailable, ebb.TypeSandboxUnavailable, "linux sandbox: this is not Linux")
}
