package server

import (
	"context"
	"log/slog"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/linux"
)

func openLinux(ctx context.Context, cfg Config, log *slog.Logger) (sandbox.Driver, error) {
	return linux.Open(ctx, linux.Config{Dir: cfg.Data, Egress: cfg.Egress}, log)
}
