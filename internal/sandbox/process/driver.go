package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/sandbox"
)

// Config of the driver.
type Config struct {
	// Dir is the data directory, absolute. The driver owns Dir/run/process.
	Dir string
}

// Validate checks a Config. Errors name the field.
func (c Config) Validate() error {
	if !filepath.IsAbs(c.Dir) {
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "sandbox.Dir: %q is not absolute", c.Dir)
	}
	return nil
}

// Driver makes boxes that are plain processes. It implements sandbox.Driver.
type Driver struct {
	run    string // Config.Dir/run/process
	mark   string // what EBB_BOX begins with for this data directory
	log    *slog.Logger
	spawns chan func()

	mu      sync.Mutex
	closed  bool
	live    map[string]*box
	spawner sync.WaitGroup
}

// Open prepares the data directory and starts the thread that all processes are
// started from; Close ends it.
func Open(_ context.Context, cfg Config, log *slog.Logger) (*Driver, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(filepath.Clean(cfg.Dir)))
	d := &Driver{
		run:    filepath.Join(cfg.Dir, "run", "process"),
		mark:   markName + "=" + hex.EncodeToString(sum[:4]) + "-",
		log:    log,
		spawns: make(chan func()),
		live:   make(map[string]*box),
	}
	if err := os.MkdirAll(d.run, 0o700); err != nil {
		return nil, unavailable("process sandbox: %w", err)
	}
	if err := hideInherited(); err != nil {
		log.Warn("descriptors that ebb inherited stay open in functions", "error", err)
	}
	d.spawner.Go(d.spawn)
	return d, nil
}

// spawn runs what must not outlive or lose its thread. The thread stays locked
// and ends with it.
func (d *Driver) spawn() {
	runtime.LockOSThread()
	for do := range d.spawns {
		do()
	}
}

// onSpawner runs do on the spawning thread.
func (d *Driver) onSpawner(do func()) {
	done := make(chan struct{})
	d.spawns <- func() { defer close(done); do() }
	<-done
}

// Level tells that there is no isolation.
func (d *Driver) Level() sandbox.Level {
	missing := []string{
		"isolation: functions run as ebb's own user, see the whole host and its network, and can reach each other and ebb's data directory",
		"egress: functions connect to wherever the host can; no allow list is in force",
		"zygote: instances that none were made ahead for start their interpreter anew",
		"limits: memory, CPU, number of processes, /tmp and /dev/shm are not limited; open files and file size are where the system can (Linux)",
	}
	if !hasMarks {
		missing = append(missing,
			"clean-up: a process that leaves its process group outlives its instance, and a killed ebb leaves its processes behind")
	}
	if os.Geteuid() == 0 {
		missing = append(missing, "privileges: ebb runs as root, and so do functions")
	}
	return sandbox.Level{Name: "process", Summary: "plain processes without isolation: for development only", Missing: missing, Freezes: true}
}

// Sweep kills what an earlier ebb left running, and removes its directories.
func (d *Driver) Sweep(ctx context.Context) error {
	errs := []error{killMarked(ctx, d.mark, d.isLiveMark)}
	entries, err := os.ReadDir(d.run)
	errs = append(errs, err)
	for _, e := range entries {
		if !d.isLive(e.Name()) {
			errs = append(errs, os.RemoveAll(filepath.Join(d.run, e.Name())))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return unavailable("sweep: %w", err)
	}
	return nil
}

func (d *Driver) isLive(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.live[id] != nil
}

// isLiveMark tells whether a process found by mark belongs to a box we have.
func (d *Driver) isLiveMark(marked string) bool { return d.isLive(marked[len(d.mark):]) }

// Create makes the box's directory and opens its listeners.
func (d *Driver) Create(ctx context.Context, spec sandbox.Spec) (sandbox.Box, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	if err := noFolders(spec.ID, spec.Mounts); err != nil {
		return nil, err
	}
	if spec.Root != "" {
		return nil, unavailable("box %s: container images need the linux or rootless sandbox; this ebb runs functions as plain processes", spec.ID)
	}
	if err := ctx.Err(); err != nil {
		return nil, unavailable("box %s: %w", spec.ID, err)
	}
	b := &box{
		d: d, id: spec.ID, dir: filepath.Join(d.run, spec.ID), mounts: spec.Mounts,
		limits: spec.Limits.WithDefaults(), done: make(chan struct{}),
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return nil, unavailable("box %s: the driver is closed", spec.ID)
	case d.live[spec.ID] != nil:
		return nil, unavailable("box %s: exists already", spec.ID)
	}
	if err := b.create(); err != nil {
		return nil, unavailable("box %s: %w", spec.ID, err)
	}
	d.live[spec.ID] = b
	return b, nil
}

// Close destroys what is left and ends the spawning thread.
func (d *Driver) Close() error {
	d.mu.Lock()
	first := !d.closed
	d.closed = true
	left := make([]*box, 0, len(d.live))
	for _, b := range d.live {
		left = append(left, b)
	}
	d.mu.Unlock()
	for _, b := range left {
		b.Destroy()
	}
	if first {
		close(d.spawns)
	}
	d.spawner.Wait()
	return nil
}

func (d *Driver) forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.live, id)
}

func unavailable(format string, args ...any) error {
	return ebb.Errorf(ebb.Unavailable, ebb.TypeSandboxUnavailable, format, args...)
}
