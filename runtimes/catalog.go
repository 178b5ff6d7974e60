package runtimes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Protocols of a runtime process.
const (
	Framed = "framed" // the framed socket on file descriptor 3
	HTTP   = "http"   // the Lambda Runtime API
	Web    = "web"    // an HTTP server of the function's own; never in the catalog, see Runtime.Web
)

// bootstrapDir is where a box finds the bootstrap of its runtime.
const bootstrapDir = "/var/runtime"

// Runtime is one way to run functions on this host.
type Runtime struct {
	ID           string    // as it was looked up, for example python3.11
	Family       string    // for example python
	Version      string    // full version of the interpreter, "" without one
	Protocol     string    // Framed, HTTP or Web
	Argv         []string  // command as catalog.json has it; Command makes it one that can be run
	Dir          string    // where the process must start, because it cannot go there by itself; "" = anywhere
	Env          []string  // KEY=VALUE that the runtime needs from its start on
	Mounts       []Mount   // what the command needs besides what every box has
	StartEnv     []string  // names of variables that count only if set at process start; "*" = all
	Prepare      *Prepare  // what makes starts faster if it was run once; nil = nothing
	Compile      *Prepare  // likewise, once for each code that it runs; see Prepare.For
	Zygote       []string  // command of a process that instances are copied from, see ZygoteCommand; nil = there is none
	Heap         Heap      // of {heapMB} in Argv
	Root         string    // tree on the host that is the box's root (a container image's); "" = the host's own programs
	Literal      bool      // Argv is run as it stands
	User         *ebb.User // who of the image it is; nil = a user that the image does not know
	WritableRoot bool      // Root can be written to
}

// Mount makes a file or directory of the host visible in the box, read-only.
type Mount struct {
	Source string // absolute, on the host
	Target string // absolute, in the box
}

// Catalog is what this host can run: its own programs, and those of images that
// were added. Whoever asks what the host has waits until that is known.
type Catalog struct {
	search *search       // nil once it is over
	known  chan struct{} // closed when it is; nil = there is none

	runtimes   map[string]*Runtime
	missing    []Missing
	families   []family // those whose bootstrap is whole
	bootstraps string   // where those are on the host
	prepared   string   // where what runtimes prepare is kept

	mu    sync.RWMutex
	added map[string]*Runtime // from images
	ids   []string            // of both
}

// Missing is a family of runtimes that cannot be run here.
type Missing struct {
	Family string
	Reason string // and what to do about it
}

// Load is Open and Search.
func Load(ctx context.Context, dir string) (*Catalog, error) {
	c, err := Open(dir)
	if err == nil {
		err = c.Search(ctx)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Open writes the bootstraps under dir, where it also keeps what it learns of the
// host's interpreters, so that later starts need not ask them again. If there are
// some that it does not remember, which may take seconds, what the host has is
// known when Search has ended.
func Open(dir string) (*Catalog, error) {
	families, err := readFamilies()
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	bootstraps, err := writeBootstraps(filepath.Join(dir, "bootstrap"))
	if err != nil {
		return nil, fmt.Errorf("writing the runtimes' bootstraps: %w", err)
	}
	families, missing := complete(families)
	c := build(families, nil, bootstraps)
	c.missing, c.prepared = missing, filepath.Join(dir, "prepared")
	c.search, c.known = newSearch(os.Getenv, homeDir(), filepath.Join(dir, "probed.json")), make(chan struct{})
	if c.search.remembers(onHost(families, bootstraps)) {
		return c, c.Search(context.Background())
	}
	return c, nil
}

// Search finds out what the host has, if that is not known. An interpreter that
// does not work is left out. It is called once.
func (c *Catalog) Search(ctx context.Context) error {
	if c.search == nil {
		return nil
	}
	found := c.search.run(ctx, onHost(c.families, c.bootstraps))
	host := build(c.families, found, c.bootstraps)
	host.prepared = c.prepared
	err := host.keepPrepared()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runtimes, c.missing, c.search = host.runtimes, append(c.missing, host.absent(c.families)...), nil
	c.list()
	close(c.known)
	return errors.Join(err, ctx.Err())
}

// Known reports whether what the host has is known: nobody needs to wait.
func (c *Catalog) Known() bool {
	select {
	case <-c.known:
		return true
	default:
		return c.known == nil
	}
}

// wait waits until what the host has is known.
func (c *Catalog) wait() {
	if c.known != nil {
		<-c.known
	}
}

// Lookup returns the runtime with that identifier or alias.
func (c *Catalog) Lookup(id string) (*Runtime, bool) {
	c.wait()
	c.mu.RLock()
	defer c.mu.RUnlock()
	if r, ok := c.added[id]; ok {
		return r, true
	}
	r, ok := c.runtimes[id]
	return r, ok
}

// IDs lists the identifiers and aliases that Lookup knows, sorted.
func (c *Catalog) IDs() []string {
	c.wait()
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Clone(c.ids)
}

// list renews ids. mu is held, or nobody else knows c yet.
func (c *Catalog) list() {
	all := maps.Clone(c.runtimes)
	maps.Copy(all, c.added)
	c.ids = slices.SortedFunc(maps.Keys(all), compareIDs)
}

// Missing lists the families of which nothing can be run.
func (c *Catalog) Missing() []Missing {
	c.wait()
	return slices.Clone(c.missing)
}

// Why tells why id, which Lookup does not know, is not there; "" if it is only
// that version of the runtime, or nothing at all, that is not.
func (c *Catalog) Why(id string) string {
	for _, m := range c.Missing() {
		if strings.HasPrefix(id, m.Family) {
			return m.Reason
		}
	}
	return ""
}

// absent lists the families of which the host has nothing.
func (c *Catalog) absent(families []family) (missing []Missing) {
	for _, f := range families {
		if len(f.Commands) > 0 && c.runtimes[f.Default] == nil {
			missing = append(missing, Missing{Family: f.Name, Reason: fmt.Sprintf(
				"no %s of version %s or later was found in PATH or where it usually is: install one and start ebb again", f.Commands[0], f.Oldest)})
		}
	}
	return missing
}

// build turns what was found into runtimes. found holds the interpreters of each
// family in order of preference.
func build(families []family, found map[string][]probed, bootstraps string) *Catalog {
	c := &Catalog{runtimes: make(map[string]*Runtime), added: make(map[string]*Runtime), families: families, bootstraps: bootstraps}
	for _, f := range families {
		for _, id := range f.IDs {
			c.runtimes[id] = f.runtime(id, probed{}, bootstraps)
		}
		for _, p := range found[f.Name] {
			if !p.usable(f.Oldest) {
				continue
			}
			for _, id := range []string{f.idOf(p.Version), f.Default} {
				if c.runtimes[id] == nil { // the first found is preferred
					c.runtimes[id] = f.runtime(id, p, bootstraps)
				}
			}
		}
		for alias, id := range f.Aliases {
			if r := c.runtimes[id]; r != nil {
				also := *r
				also.ID = alias
				c.runtimes[alias] = &also
			}
		}
	}
	c.list()
	return c
}

func homeDir() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return "" // without a home there is nothing in it
	}
	return home
}
