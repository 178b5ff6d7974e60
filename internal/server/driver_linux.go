package server

import (
	"context"
	"log/slog"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/linux"
	"github.com/ebb-faas/ebb/internal/sandbox/rootless"
)

func openLinux(ctx context.Context, cfg Config, log *slog.Logger) (sandbox.Driver, error) {
	ahead := cfg.Pool.BoxesAhead
	if cfg.Pool.PrewarmOff {
		ahead = -1
	}
	return linux.Open(ctx, linux.Config{Dir: cfg.Data, Ahead: ahead, Outer: rootless.Outer(), Egress: cfg.Egress}, log)
}
