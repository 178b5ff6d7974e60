package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/api"
	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/artifact/oci"
	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/cluster"
	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/egress"
	"github.com/ebb-faas/ebb/internal/eventsapi"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/gateway"
	"github.com/ebb-faas/ebb/internal/invoke"
	"github.com/ebb-faas/ebb/internal/lambdaapi"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/metrics"
	"github.com/ebb-faas/ebb/internal/objects"
	"github.com/ebb-faas/ebb/internal/pool"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/s3"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/secret"
	"github.com/ebb-faas/ebb/internal/statesapi"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/stsapi"
	"github.com/ebb-faas/ebb/internal/trigger"
	"github.com/ebb-faas/ebb/internal/trigger/event"
	"github.com/ebb-faas/ebb/internal/trigger/object"
	"github.com/ebb-faas/ebb/internal/trigger/timer"
	"github.com/ebb-faas/ebb/internal/workflow"
	"github.com/ebb-faas/ebb/runtimes"
)

// node is every part of one ebb process, in the order in which they stand on
// each other.
type node struct {
	cfg        Config
	log        *slog.Logger
	began      time.Time
	gatewayURL string       // set before serving
	keep       sync.RWMutex // read-held while packages must not be collected
	shared     sync.Map     // ebb.ServiceID → what its instances started with

	store     *store.Store
	secrets   *secret.Secrets
	auth      *auth.Auth
	cluster   *cluster.Cluster
	packages  *artifact.Store
	images    *oci.Source
	objects   *objects.Objects // nil = there is no S3 endpoint
	s3        *s3.Endpoint     // nil = off
	own       *objects.Objects // of s3
	bucketed  *object.Kind
	logs      *logs.Store
	runtimes  *runtimes.Catalog
	driver    sandbox.Driver
	functions *function.Functions
	metrics   *metrics.Metrics
	pool      *pool.Pool
	invoker   *invoke.Invoker
	targets   map[ebb.TargetKind]deliver.Target
	deliver   *deliver.Deliver
	timers    *timer.Kind
	triggers  *trigger.Triggers
	bus       *event.Bus
	events    *eventsapi.API
	lambda    *lambdaapi.API
	sts       *stsapi.API
	v1        *api.API
	gateway   *gateway.Gateway
	// certificates of the data plane's listener; nil = it speaks plain HTTP.
	certificates *certificates
	queue        *queue.Queue
	workflow     *workflow.Engine
	states       *statesapi.API
}

// open builds the node from the ground up. On error, what was opened is closed.
func open(ctx context.Context, cfg Config, log *slog.Logger) (n *node, err error) {
	cfg.Egress.Guard = egress.NewGuard()
	n = &node{cfg: cfg, log: log, began: time.Now(), metrics: metrics.New()}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	if err := n.openGround(ctx); err != nil {
		return n, err
	}
	if n.certificates, err = openCertificates(cfg.TLS, log); err != nil {
		return n, err
	}
	if n.driver, err = openDriver(ctx, cfg, log); err != nil {
		return n, err
	}
	if err := n.driver.Sweep(ctx); err != nil {
		return n, fmt.Errorf("sandbox: %w", err)
	}
	n.assemble()
	if err := n.loadServices(ctx); err != nil {
		return n, err
	}
	if err := n.gateway.LoadRoutes(ctx); err != nil {
		return n, err
	}
	return n, n.loadRuntimes(ctx)
}

// openGround opens what is kept on disk.
func (n *node) openGround(ctx context.Context) error {
	root, err := auth.LoadOrCreateRoot(n.cfg.Data)
	if err != nil {
		return err
	}
	database := n.cfg.Database
	database.Path = n.path(backupDatabase)
	if n.store, err = store.Open(ctx, database); err != nil {
		return err
	}
	if err := n.openKeys(ctx, root); err != nil {
		return err
	}
	packages := n.cfg.Packages
	if packages.Shared = packages.Dir != ""; !packages.Shared {
		packages.Dir = n.path("packages")
	}
	if n.packages, err = artifact.Open(packages); err != nil {
		return err
	}
	if n.images, err = oci.New(n.cfg.Images); err != nil {
		return err
	}
	n.openObjects()
	logCfg := n.cfg.Logs
	logCfg.Dir = n.path("logs")
	if n.logs, err = logs.Open(logCfg, n.log); err != nil {
		return err
	}
	n.runtimes, err = runtimes.Open(n.path("runtimes"))
	return err
}

// assemble puts the floors above the ground together. It does no I/O.
func (n *node) assemble() {
	cfg := &n.cfg
	cfg.Function.Region, cfg.Pool.Region, cfg.Invoke.Region = cfg.Region, cfg.Region, cfg.Region
	cfg.Function.Images, cfg.Function.Probe = n.findImage, n.probe
	cfg.Function.Egress, cfg.Function.Mounts, cfg.Pool.Mounts = cfg.Egress.Ceiling(), cfg.Mounts, cfg.Mounts
	cfg.Function.CheckSecrets = n.secrets.Check
	if n.objects != nil {
		cfg.Function.Objects = n.objects.Open
	}
	if l := n.driver.Level(); !l.Mounts {
		cfg.Function.NoLayers = "layers need the linux or rootless sandbox; this ebb has: " + l.Summary
	}
	cfg.Function.Concurrency = cmp.Or(cfg.Pool.MaxInstances, pool.DefaultMaxInstances)
	cfg.Function.InstancesPerFunction = cmp.Or(cfg.Pool.MaxPerFunction, pool.DefaultMaxPerFunction)
	cfg.Function.CheckTarget = n.checkTarget
	cfg.Function.Unverified = n.unverified
	n.functions = function.New(cfg.Function, n.store, n.packages, n.runtimes)
	n.pool = pool.New(cfg.Pool, pool.Deps{
		Driver: n.driver, Packages: n.packages, Runtimes: n.runtimes, Logs: n.logs,
		Endpoint: n.endpoint, Environment: n.environment, Allowed: n.functions.Ceilings, Log: n.log, Memory: pool.SystemMemory,
	})
	n.cluster = n.newCluster()
	n.invoker = invoke.New(cfg.Invoke, n.functions, n.pool, n.logs, n.metrics)
	n.assembleWorkflow()
	n.assembleTriggers()
	n.assembleAsync()
	n.lambda = lambdaapi.New(lambdaapi.Config{
		Region:      cfg.Region,
		GatewayURL:  func(id string) string { return n.gatewayURL + "/url/" + id + "/" },
		Package:     n.packages.Zip,
		Provisioned: n.provisioned,
		Events:      n.deliver,
		Triggers:    n.triggers,
		Limits: lambdaapi.Limits{
			Unzipped:    n.packages.Limits().MaxUnpacked,
			Zipped:      n.packages.Limits().MaxZipped,
			Concurrency: n.pool.Limits().MaxInstances,
		},
	}, n.functions, n.invoker, n.auth, n.log)
	n.gateway = gateway.New(cfg.HTTP, n.functions, n.routeDeps(), n.invoker, n.auth, n.log)
	n.sts = stsapi.New(n.auth, n.log)
	n.v1 = api.New(n.apiConfig())
	n.measure()
	n.functions.OnChange(n.changed)
	n.tellOfServices()
}

// findImage finds a container image, if it could run here.
func (n *node) findImage(ctx context.Context, uri string) (*artifact.Image, artifact.OpenLayer, error) {
	if l := n.driver.Level(); !l.Mounts {
		return nil, nil, ebb.Errorf(ebb.Unavailable, ebb.TypeSandboxUnavailable,
			"Code.ImageUri: container images need the linux or rootless sandbox; this ebb has: %s", l.Summary)
	}
	return n.images.Resolve(ctx, uri)
}

// apiConfig is what /v1 tells of this node.
func (n *node) apiConfig() api.Config {
	running, stored := n.pool.Limits(), n.packages.Limits()
	return api.Config{
		Version:  Version(),
		Region:   n.cfg.Region,
		Began:    n.began,
		Sandbox:  n.driver.Level(),
		Runtimes: n.runtimes,
		Limits: api.Limits{
			Instances:            running.MaxInstances,
			InstancesPerFunction: running.MaxPerFunction,
			QueuePerFunction:     running.MaxQueue,
			RequestBytes:         lambdaapi.DefaultMaxPayload,
			ResponseBytes:        running.MaxResponse,
			ZippedBytes:          stored.MaxZipped,
			UnzippedBytes:        stored.MaxUnpacked,
			TimeoutSeconds:       n.functions.Limits().MaxTimeoutS,
		},
		Instances: n.pool.Snapshot,
		Calls:     n.metrics.Calls,
		Nodes:     n.cluster.Nodes,
		Counts:    n.pool.Counts,
		Backup:    n.backup,
		Auth:      n.auth,
		Functions: n.functions,
		Secrets:   n.secrets,
		Tasks:     n.deliver,
		Logs:      n.logs,
		Log:       n.log,
		Triggers:  n.triggers,
		Calendars: n.timers,
		Events:    n.bus,
	}
}

// endpoint is a function's way back to ebb: the Lambda API for its role.
func (n *node) endpoint(v *ebb.Version) (http.Handler, auth.Credentials) {
	box := n.auth.NewBox(v.Role, v.Service)
	functions, workflows, sts, events, buckets := n.lambda.Endpoint(box), n.states.Endpoint(box), n.sts.Endpoint(box), n.events.Endpoint(box), n.boxObjects(box)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case statesapi.Is(r):
			workflows.ServeHTTP(w, r)
		case eventsapi.Is(r):
			events.ServeHTTP(w, r)
		case stsapi.Is(r):
			sts.ServeHTTP(w, r)
		case s3.Is(r):
			buckets.ServeHTTP(w, r)
		default:
			functions.ServeHTTP(w, r)
		}
	}), box.Credentials()
}

// changed drops what is remembered of a function, lets the instances of versions
// go that are no more, and sees to it that those are there that shall be.
func (n *node) changed(key ebb.FunctionKey) {
	n.invoker.Forget(key)
	n.deliver.Forget(key)
	n.gateway.Forget(key)
	ctx := context.Background()
	versions, err := n.versions(ctx, key)
	if err != nil {
		n.log.Error("old instances stay until they expire", "function", key.String(), "error", err)
		return
	}
	for _, v := range versions {
		// Who tells of changes must not wait for interpreters: getReady does the like.
		if v.WebPort() == 0 && n.runtimes.Known() {
			n.pool.Prewarm(v.Runtime, v.MemoryMB)
			n.pool.Compile(v)
		}
	}
	if len(versions) == 0 {
		n.invoker.Gone(key)
		n.metrics.Forget(key)
	}
	revisions, err := n.named(ctx, key, versions)
	if err == nil {
		n.pool.Retain(key, revisions)
		err = n.concurrency(ctx, key)
	}
	if err != nil {
		n.log.Error("instances are not as they were asked for", "function", key.String(), "error", err)
	}
}

// versions lists all versions of a function; none if there is no such function.
func (n *node) versions(ctx context.Context, key ebb.FunctionKey) (all []*ebb.Version, err error) {
	for marker := ""; ; {
		vs, next, err := n.functions.Versions(ctx, key, marker, function.MaxPage)
		if err != nil && ebb.KindOf(err) != ebb.NotFound {
			return nil, err
		}
		all = append(all, vs...)
		if marker = next; marker == "" {
			return all, nil
		}
	}
}

// management is the handler of the API listener: /v1 and /metrics are ebb's own,
// the rest is AWS's. A ServeMux here would answer odd paths before their owner
// sees them.
func (n *node) management() http.Handler {
	scrape, sts, events, buckets := n.scrape(), n.sts.Endpoint(n.auth), n.events.Endpoint(n.auth), n.objectsHandler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, api.Prefix):
			n.v1.ServeHTTP(w, r)
		case r.URL.Path == "/metrics":
			scrape.ServeHTTP(w, r)
		case statesapi.Is(r):
			n.states.ServeHTTP(w, r)
		case eventsapi.Is(r):
			events.ServeHTTP(w, r)
		case stsapi.Is(r):
			sts.ServeHTTP(w, r)
		case s3.Is(r):
			buckets.ServeHTTP(w, r)
		default:
			n.lambda.ServeHTTP(w, r)
		}
	})
}

// dataPlane is the handler of the gateway listener.
func (n *node) dataPlane() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, object.WebhookPath) {
			n.bucketed.ServeHTTP(w, r)
			return
		}
		n.gateway.ServeHTTP(w, r)
	})
}

// path is a place in the data directory.
func (n *node) path(elem ...string) string {
	return filepath.Join(append([]string{n.cfg.Data}, elem...)...)
}

// close releases what open opened, from the top down.
func (n *node) close() error {
	var errs []error
	for _, t := range n.targets {
		errs = append(errs, t.Close())
	}
	if n.driver != nil {
		errs = append(errs, n.driver.Close())
	}
	if n.packages != nil {
		errs = append(errs, n.packages.Close())
	}
	if n.images != nil {
		n.images.Close()
	}
	for _, o := range []*objects.Objects{n.objects, n.own} {
		if o != nil {
			o.Close()
		}
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	if err := os.Remove(n.path(addressFile)); !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
