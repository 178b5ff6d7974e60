//go:build linux

package linux

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/egress"
	"github.com/ebb-faas/ebb/internal/sandbox"
)

// Driver makes boxes out of namespaces. It implements sandbox.Driver.
type Driver struct {
	cfg      Config
	run      string // Config.Dir/run
	log      *slog.Logger
	level    sandbox.Level
	init     *os.File // ebb-init, executable
	landlock uint32   // version of it to use, 0: none
	stage    string   // where boxes build their root, each in its own namespace
	rootfs   *rootfs
	rootless *rootless // nil: ebb is the machine's root
	groups   *cgroups
	watch    *watch    // nil: a cgroup counts memory
	tmp      *tmpStore // nil: plain directories, or if rootless memory
	uids     *uids
	ranges   *idRanges
	network  *egress.Network
	reports  *reports // nil: this host cannot restrict connections
	ways     sync.Map // number of a box's way out → *egress.Relay
	nextWay  atomic.Uint64
	stuck    stuck
	ahead    *ahead
	guard    guard
	backlog  chan struct{} // holds one for each box that is being cleaned up

	mu       sync.Mutex
	closed   bool
	live     map[string]*box // also those being created
	zygotes  map[string]*zygote
	creating sync.WaitGroup
	cleaning sync.WaitGroup // counts every box until nothing of it is left
}

// Open prepares the data directory and the parent cgroups. It starts a goroutine
// that keeps /tmp images ready until Close. Errors are SandboxUnavailable or
// ConfigInvalid.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*Driver, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, unavailable("linux sandbox: ebb does not run as root")
	}
	d := &Driver{
		cfg: cfg, run: filepath.Join(cfg.Dir, "run"), log: log,
		uids: newUIDs(cfg.UIDBase, cfg.UIDCount), ranges: &idRanges{base: cfg.RangeBase, count: cfg.RangeCount}, live: make(map[string]*box),
		zygotes: make(map[string]*zygote),
		network: egress.New(cfg.Egress),
	}
	d.stage = filepath.Join(d.run, "root")
	d.ahead = newAhead(d, max(0, cfg.Ahead))
	d.backlog = make(chan struct{}, maxBacklog)
	if err := d.open(ctx); err != nil {
		return nil, unavailable("linux sandbox: %w", errors.Join(err, d.release()))
	}
	return d, nil
}

func (d *Driver) open(ctx context.Context) error {
	if err := os.MkdirAll(d.stage, 0o700); err != nil {
		return err
	}
	var err error
	if d.rootless, err = findRootless(); err != nil {
		return err
	}
	if d.rootless != nil {
		d.uids = d.rootless.uids()
	}
	if d.init, err = initProgram(); err != nil {
		return err
	}
	if d.rootfs, err = openRootfs(filepath.Join(d.run, "etc")); err != nil {
		return err
	}
	missing, err := d.openGroups()
	if err != nil {
		return err
	}
	if err := overlayWorks(); err != nil {
		missing = append(missing, fmt.Sprintf("overlay file systems (%v): container images do not run", err))
	}
	users := d.usersWork()
	if users != nil {
		missing = append(missing, fmt.Sprintf("users of images (%v): USER of a container image has no effect: its processes are a user that the image does not know, with what everybody may do there", users))
	}
	if err := d.egressWorks(); err != nil {
		missing = append(missing, fmt.Sprintf("socket-lookup programs (%v): functions that are to connect to somewhere do not start", err))
	}
	what, lacking, err := d.openTmp(ctx)
	if err != nil {
		return err
	}
	missing = append(missing, lacking...)
	walls := "seccomp allow list"
	if d.landlock = landlockVersion(); d.landlock > 0 {
		walls += fmt.Sprintf(", Landlock %d", d.landlock)
	}
	missing = append(missing, landlockLacks(d.landlock)...)
	name, identity := "linux", "own namespaces and user id per instance"
	if d.rootless != nil {
		name, missing = "rootless", append(d.rootless.lacks(), missing...)
		if identity = "own user namespace and user id per instance"; d.rootless.shared() {
			identity = "own user namespace per instance"
		}
	}
	d.level = sandbox.Level{
		Name:    name,
		Summary: identity + ", no privileges, " + walls + ", " + d.groups.level() + ", " + what,
		Missing: missing,
		Mounts:  true,
		Follows: true,
		Freezes: d.groups.freezers() != "" || d.watch != nil,
		Forks:   d.rootless == nil,
		Egress:  true,
		Users:   users == nil,
	}
	return nil
}

// openGroups finds out how boxes are limited, and says what is missing.
func (d *Driver) openGroups() (missing []string, err error) {
	h, err := readHierarchies()
	if err != nil {
		return nil, err
	}
	h.outer = d.cfg.Outer
	d.groups, missing = detectCgroups(h, parentName(d.cfg.Dir))
	lacking, err := d.groups.open()
	if err == nil && d.groups.memory == "" {
		if d.watch, err = newWatch(); err == nil {
			d.groups.watch = d.watch
		}
	}
	return append(missing, lacking...), err
}

// openTmp finds out what boxes have at /tmp, and says what it lacks.
func (d *Driver) openTmp(ctx context.Context) (what string, missing []string, err error) {
	if d.rootless != nil {
		note := "loop images: /tmp is in memory, as much as its size allows, beside what the instance may have"
		if d.watch == nil {
			note = "loop images: /tmp is in memory, and part of what the instance may have"
		}
		return "/tmp in memory", []string{note}, nil
	}
	if d.tmp, err = openTmp(ctx, filepath.Join(d.run, "tmp"), d.cfg.TmpMB, d.cfg.TmpPool, d.log); err == nil {
		return "disk-backed /tmp", nil, nil
	}
	if ctx.Err() != nil {
		return "", nil, ctx.Err()
	}
	return "/tmp without size limit", []string{fmt.Sprintf(
		"loop images (%v): /tmp is a plain directory, and only the size of a single file is limited", err)}, nil
}

// maxBacklog is how many boxes may wait to be cleaned up; whoever destroys more
// waits until some are.
const maxBacklog = 256

// parentName is the name of ebb's group in every hierarchy. Two data directories
// on one machine have two, also where two containers have given them one path.
func parentName(dir string) string {
	sum := sha256.Sum256([]byte(filepath.Clean(dir)))
	name := "ebb-" + hex.EncodeToString(sum[:4])
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return name
	}
	sum = sha256.Sum256(fmt.Appendf(nil, "%d:%d", st.Dev, st.Ino))
	return name + "-" + hex.EncodeToString(sum[:3])
}

// Level tells how strong the isolation in force is.
func (d *Driver) Level() sandbox.Level { return d.level }

// Create makes a box. A failure is SandboxUnavailable, or InvalidParameterValue
// for a Spec that is wrong in itself.
func (d *Driver) Create(ctx context.Context, spec sandbox.Spec) (sandbox.Box, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	b := &box{d: d, id: spec.ID, image: spec.Root != "", limits: spec.Limits.WithDefaults(),
		done: make(chan struct{})}
	d.mu.Lock()
	switch {
	case d.closed:
		d.mu.Unlock()
		return nil, unavailable("box %s: the driver is closed", spec.ID)
	case d.live[spec.ID] != nil:
		d.mu.Unlock()
		return nil, unavailable("box %s: exists already", spec.ID)
	}
	d.live[spec.ID] = b
	d.creating.Add(1)
	d.cleaning.Add(1) // taken back by box.clean
	d.mu.Unlock()
	defer d.creating.Done()
	if err := b.create(ctx, spec); err != nil {
		b.Destroy()
		return nil, unavailable("box %s: %w", spec.ID, err)
	}
	d.guard.add(b)
	return b, nil
}

// Close destroys what is left, waits for everything being cleaned up and
// releases the images and the parent cgroups.
func (d *Driver) Close() error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.creating.Wait()
	d.mu.Lock()
	left := make([]interface{ Destroy() }, 0, len(d.live)+len(d.zygotes))
	for _, b := range d.live {
		left = append(left, b)
	}
	for _, z := range d.zygotes {
		left = append(left, z)
	}
	d.mu.Unlock()
	for _, b := range left {
		b.Destroy()
	}
	d.ahead.close()
	d.cleaning.Wait()
	return d.release()
}

// release gives back what open took, as far as it came. More than once is fine.
func (d *Driver) release() error {
	var errs []error
	d.guard.close()
	if d.tmp != nil {
		d.tmp.close()
		d.tmp = nil
	}
	if d.groups != nil {
		errs = append(errs, d.groups.close())
		d.groups = nil
	}
	if d.reports != nil {
		errs = append(errs, d.reports.close())
		d.reports = nil
	}
	if d.watch != nil {
		d.watch.close()
		d.watch = nil
	}
	errs = append(errs, d.ranges.close())
	if d.init != nil {
		errs = append(errs, d.init.Close())
		d.init = nil
	}
	return errors.Join(errs...)
}

// forget takes a box whose processes are gone out of the books.
func (d *Driver) forget(b *box) {
	d.guard.remove(b)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.live[b.id] == b {
		delete(d.live, b.id)
	}
}
