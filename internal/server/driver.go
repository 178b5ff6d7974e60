package server

import (
	"context"
	"errors"
	"log/slog"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/process"
	"github.com/ebb-faas/ebb/internal/sandbox/rootless"
)

// MayBeRootless tells whether boxes may be made in a user namespace.
func (c Config) MayBeRootless() bool { return c.Sandbox == sandboxAuto || c.Sandbox == sandboxRootless }

// openDriver chooses how instances are isolated. Falling back to a weaker level
// is said loudly, and never done where a stronger one was asked for by name, or
// where this process runs in a user namespace because it could make boxes there.
func openDriver(ctx context.Context, cfg Config, log *slog.Logger) (sandbox.Driver, error) {
	if cfg.Sandbox != sandboxProcess {
		d, err := openLinux(ctx, cfg, log)
		if err == nil && cfg.Sandbox == sandboxLinux && d.Level().Name != sandboxLinux {
			err = errors.Join(errors.New("this is a user namespace: it takes the machine's root"), d.Close())
		}
		if err == nil {
			announceLevel(log, d.Level())
			return d, nil
		}
		if cfg.RootlessRefused != nil {
			err = errors.Join(err, cfg.RootlessRefused)
		}
		if cfg.Sandbox != sandboxAuto || rootless.Outer() != 0 {
			return nil, ebb.Errorf(ebb.Unavailable, ebb.TypeSandboxUnavailable, "sandbox %s: %w", cfg.Sandbox, err)
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
