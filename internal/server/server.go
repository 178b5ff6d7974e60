package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/gateway/plainhttp"
)

// Run serves until ctx ends, then stops gracefully: no new work, work in flight
// up to its deadline and at most cfg.DrainTimeout. It prints one line to stdout
// when it answers.
func Run(ctx context.Context, cfg Config, stdout io.Writer) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	level, err := logLevel(cfg.LogLevel)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	for _, v := range UnknownVariables(cfg.Environ) {
		log.Warn("a variable of the environment means nothing to ebb", "variable", v.Name, "hint", v.Hint())
	}
	dir, err := filepath.Abs(cfg.Data)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	cfg.Data = dir
	held, err := lock(dir)
	if err != nil {
		return err
	}
	defer func() { _ = held.Close() }()

	n, err := open(ctx, cfg, log)
	if err != nil {
		return err
	}
	return errors.Join(n.serve(ctx, stdout), n.close())
}

// serve listens, says so, and runs until ctx ends or a part fails.
func (n *node) serve(ctx context.Context, stdout io.Writer) error {
	api, gateway, buckets, err := n.listen(ctx)
	if err != nil {
		return err
	}
	servers := []listening{n.httpServer(n.management()), plainhttp.New(n.httpServer(n.dataPlane()))}

	// What stops last runs under its own context: the floors below outlive those
	// above.
	below, stopBelow := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBelow()
	ground, grounded := errgroup.WithContext(below)
	poolCtx, stopPool := context.WithCancel(grounded)
	defer stopPool()
	pooled := n.runBelow(ground, grounded, poolCtx)

	above, stopAbove := context.WithCancel(ctx)
	defer stopAbove()
	front, fronted := errgroup.WithContext(above)
	front.Go(func() error { return n.queue.Run(fronted) })
	front.Go(func() error { return n.triggers.Run(fronted) })
	front.Go(func() error { return n.certificates.Run(fronted) })
	for i, l := range []net.Listener{api, n.certificates.listen(gateway)} {
		front.Go(func() error {
			if err := servers[i].Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("listener %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	front.Go(func() error { return n.getReady(fronted) })
	if err := n.announce(stdout, api.Addr(), gateway.Addr(), buckets); err != nil {
		n.log.Error("could not announce", "error", err)
	}
	select {
	case <-fronted.Done(): // asked to stop, or a listener failed
	case <-grounded.Done(): // a floor below failed: nothing above can work
	}
	n.log.Info("stopping", "drain", n.cfg.DrainTimeout)
	stopAbove()
	n.shutdown(servers)
	err = front.Wait()
	stopPool()
	<-pooled
	stopBelow()
	if gerr := ground.Wait(); !errors.Is(gerr, context.Canceled) {
		err = errors.Join(err, gerr)
	}
	return err
}

// listen opens the listeners and tells the cluster of them. Those of a node without
// buckets are nil.
func (n *node) listen(ctx context.Context) (api, gateway net.Listener, buckets net.Addr, err error) {
	if api, err = net.Listen("tcp", n.cfg.Listen); err != nil {
		return nil, nil, nil, fmt.Errorf("--listen: %w", err)
	}
	if gateway, err = net.Listen("tcp", n.cfg.Gateway); err != nil {
		_ = api.Close()
		return nil, nil, nil, fmt.Errorf("--gateway: %w", err)
	}
	if n.s3 != nil {
		if buckets, err = n.s3.Listen(); err != nil {
			return nil, nil, nil, errors.Join(err, api.Close(), gateway.Close())
		}
	}
	n.guard(api.Addr(), gateway.Addr(), buckets)
	n.gatewayURL = n.cfg.PublicGateway
	if n.gatewayURL == "" {
		n.gatewayURL = n.certificates.scheme() + gateway.Addr().String()
	}
	if err := n.cluster.Join(ctx, "http://"+api.Addr().String(), n.gatewayURL); err != nil {
		return nil, nil, nil, errors.Join(err, api.Close(), gateway.Close())
	}
	return api, gateway, buckets, nil
}

// runBelow runs the floors that the door stands on under ctx, and those that
// start work of their own under poolCtx, which ends earlier. What it returns is
// closed when the pool has drained.
func (n *node) runBelow(ground *errgroup.Group, ctx, poolCtx context.Context) <-chan struct{} {
	pooled := make(chan struct{})
	ground.Go(func() error { return n.logs.Run(ctx) })
	ground.Go(func() error {
		defer close(pooled)
		return n.pool.Run(poolCtx, n.cfg.DrainTimeout)
	})
	ground.Go(func() error { return n.collect(poolCtx) })
	ground.Go(func() error { return n.runWorkflow(poolCtx) })
	ground.Go(func() error { return n.triggers.RunCounts(poolCtx) })
	ground.Go(func() error { n.watch(poolCtx); return nil })
	ground.Go(func() error { return giveBack(poolCtx) })
	ground.Go(func() error { return n.auth.Run(ctx) })
	ground.Go(func() error { return n.cluster.Run(ctx) })
	ground.Go(func() error { return n.gateway.Run(ctx) })
	if n.s3 != nil {
		ground.Go(func() error { return n.s3.Run(ctx) })
	}
	return pooled
}

// listening is a server of HTTP.
type listening interface {
	Serve(l net.Listener) error
	Shutdown(ctx context.Context) error
	Close() error
}

// shutdown closes the listeners at once and lets requests in flight finish.
func (n *node) shutdown(servers []listening) {
	ctx, cancel := context.WithTimeout(context.Background(), n.cfg.DrainTimeout)
	defer cancel()
	n.v1.Stop() // health says so, and streams of logs end
	var all errgroup.Group
	for _, s := range servers {
		all.Go(func() error {
			if err := s.Shutdown(ctx); err != nil {
				n.log.Warn("requests were cut off at the end of the drain time", "error", err)
				return s.Close()
			}
			return nil
		})
	}
	_ = all.Wait()
}

// httpServer is a server with ebb's limits. There is no write timeout: how long
// an answer may take is the function's own timeout.
func (n *node) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
	}
}

// collectEvery is how often packages no version uses any more are removed, and
// collectAge how long they are kept: a deploy stores its package first.
const (
	collectEvery = time.Hour
	collectAge   = time.Hour
)

// collect removes packages that no version uses, at start and then hourly.
func (n *node) collect(ctx context.Context) error {
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	for {
		if err := n.collectOnce(ctx); err != nil && ctx.Err() == nil {
			n.log.Error("collecting old packages", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (n *node) collectOnce(ctx context.Context) error {
	n.keep.Lock()
	defer n.keep.Unlock()
	ours, err := n.collects(ctx)
	if err != nil || !ours {
		return err
	}
	keep, err := n.functions.Digests(ctx)
	if err == nil {
		_, err = n.packages.Collect(ctx, keep, collectAge)
	}
	return errors.Join(err, n.collectPayloads(ctx))
}

// logLevel reads Config.LogLevel.
func logLevel(name string) (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(name)); err != nil {
		return l, ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "logLevel: %q is none of debug, info, warn, error", name)
	}
	return l, nil
}
