package server

import (
	"context"
	"log/slog"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/process"
)

// openDriver chooses how instances are isolated. Falling back to a weaker level
// is said loudly, and never done where linux was asked for by name.
func openDriver(ctx context.Context, cfg Config, log *slog.Logger) (sandbox.Driver, error) {
	if cfg.Sandbox != sandboxProcess {
		d, err := openLinux(ctx, cfg, log)
		if err == nil {
			announceLevel(log, d.Level())
			return d, nil
		}
		if cfg.Sandbox == sandboxLinux {
			return nil, ebb.Errorf(ebb.Unavailable, ebb.TypeSandboxUnavailable, "sandbox linux: %w", err)
		}
		log.Warn("FUNCTIONS RUN WITHOUT ISOLATION: sandbox/linux is not available; for development only", "reason", err)
	}
	d, err := process.Open(ctx, process.Config{Dir: cfg.Data}, log)
	if err != nil {
		return nil, err
	}
	announceLevel(log, d.Level())
	return d, nil
}

func announceLevel(log *slog.Logger, l sandbox.Level) {
	log.Info("sandbox", "level", l.Name, "summary", l.Summary)
	for _, m := range l.Missing {
		log.Warn("sandbox", "missing", m)
	}
}
