package api

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/cluster"
	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/metrics"
	"github.com/ebb-faas/ebb/internal/pool"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/secret"
	"github.com/ebb-faas/ebb/internal/trigger"
	"github.com/ebb-faas/ebb/internal/trigger/event"
	"github.com/ebb-faas/ebb/internal/trigger/timer"
	"github.com/ebb-faas/ebb/runtimes"
)

// Config is what the API tells of and whom it asks. Auth, Functions, Logs and
// Log must be set; what else is missing is not told.
type Config struct {
	Version  string // of ebb
	Region   string
	Began    time.Time // when the node did
	Sandbox  sandbox.Level
	Runtimes *runtimes.Catalog
	Limits   Limits

	Instances func() []pool.InstanceState
	Calls     func() []metrics.Calls
	Counts    func() pool.Counts
	// Nodes lists those that share the database, this one among them.
	Nodes func(context.Context) ([]cluster.Peer, error)
	// Backup writes a consistent archive (a zstd-compressed tar) of the node.
	Backup func(ctx context.Context, w io.Writer) error

	Tasks *deliver.Deliver // asynchronous invocations

	Auth      *auth.Auth
	Functions *function.Functions
	Secrets   *secret.Secrets
	Triggers  *trigger.Triggers
	Calendars *timer.Kind
	Events    *event.Bus
	Logs      *logs.Store
	Log       *slog.Logger

	// KeepAlive is how often a stream without lines says that it lives, 15
	// seconds if zero.
	KeepAlive time.Duration
	// Now is the clock, time.Now if nil.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.KeepAlive == 0 {
		c.KeepAlive = 15 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Instances == nil {
		c.Instances = func() []pool.InstanceState { return nil }
	}
	if c.Nodes == nil {
		c.Nodes = func(context.Context) ([]cluster.Peer, error) { return nil, nil }
	}
	if c.Calls == nil {
		c.Calls = func() []metrics.Calls { return nil }
	}
	if c.Counts == nil {
		c.Counts = func() pool.Counts { return pool.Counts{} }
	}
	return c
}
