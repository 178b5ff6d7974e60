package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/sandbox/linux"
	"github.com/ebb-faas/ebb/internal/server"
	"github.com/ebb-faas/ebb/runtimes"
	client "github.com/ebb-faas/ebb/sdk/go"
)

// Outcomes of a check.
const (
	checkOK   = "ok"
	checkWarn = "warn" // it works, but weaker
	checkFail = "fail" // it cannot work
)

// check is one line of the report.
type check struct {
	Check  string   `json:"check"`
	Status string   `json:"status"` // ok, warn or fail
	Detail string   `json:"detail"`
	Notes  []string `json:"notes"` // what is missing and what follows from it
}

// Free space in the data directory below which the report warns and fails.
const (
	lowSpace  = 2 << 30
	tinySpace = 200 << 20
)

// doctorVerb looks at this machine and at the running platform.
func (a *app) doctorVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check what this machine can do, and how the platform is",
		Long: "Doctor tells how well functions would be isolated here, which runtimes are found, whether the\n" +
			"data directory and the default ports are usable, and what a running server says about itself.\n" +
			"It changes nothing. The exit code is 3 if something cannot work.",
		Example: "  ebb doctor\n  sudo ebb doctor --data /var/lib/ebb -o json",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, refused := asRoot(cmd.Context(), func() error { return nil })
			return a.doctor(ctx, refused)
		},
	}
}

// doctor reports. noRoot says why this is no user namespace, where one is needed.
func (a *app) doctor(ctx context.Context, noRoot error) error {
	dir := a.dir
	if dir == "" {
		dir = server.DefaultData()
	}
	running := a.checkServer(ctx)
	checks := []check{
		{Check: "system", Status: checkOK, Detail: goruntime.GOOS + "/" + goruntime.GOARCH + ", ebb " + server.Version()},
		checkSandbox(dir, noRoot), checkRuntimes(ctx), checkSpace(dir),
	}
	cfg := server.DefaultConfig()
	for _, p := range []struct{ name, addr string }{{"api port", cfg.Listen}, {"gateway port", cfg.Gateway}} {
		checks = append(checks, checkPort(ctx, p.name, p.addr, running.Status == checkOK))
	}
	checks = append(checks, running)

	failed := 0
	var rows [][]string
	for i := range checks {
		c := &checks[i]
		if c.Notes == nil {
			c.Notes = []string{}
		}
		if c.Status == checkFail {
			failed++
		}
		rows = append(rows, []string{c.Check, c.Status, c.Detail})
		for _, n := range c.Notes {
			rows = append(rows, []string{"", "", "- " + n})
		}
	}
	if err := a.print(checks, []string{"CHECK", "STATUS", "DETAIL"}, rows); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(checks))
	}
	return nil
}

// checkSandbox makes one box and removes it again.
func checkSandbox(dir string, noRoot error) check {
	c := check{Check: "sandbox", Status: checkOK}
	level, err := linux.Check(dir)
	if err != nil {
		c.Status = checkWarn
		c.Detail = "functions would run as plain processes, without isolation: for development only"
		c.Notes = []string{reason(err)}
		if noRoot != nil {
			c.Notes = append(c.Notes, reason(noRoot))
		}
		return c
	}
	c.Detail, c.Notes = level.Name+": "+level.Summary, level.Missing
	if len(level.Missing) > 0 {
		c.Status = checkWarn
	}
	return c
}

// checkRuntimes looks for interpreters as a server would.
func checkRuntimes(ctx context.Context) check {
	c := check{Check: "runtimes", Status: checkOK}
	tmp, err := os.MkdirTemp("", "ebb-doctor-")
	if err != nil {
		return check{Check: c.Check, Status: checkFail, Detail: err.Error()}
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	catalog, err := runtimes.Load(ctx, tmp)
	if err != nil {
		return check{Check: c.Check, Status: checkFail, Detail: reason(err)}
	}
	ids := catalog.IDs()
	c.Detail = strings.Join(ids, " ")
	for _, id := range ids {
		if r, ok := catalog.Lookup(id); ok && r.Version != "" && len(r.Argv) > 0 {
			c.Notes = append(c.Notes, id+" is "+r.Argv[0]+", version "+r.Version)
		}
	}
	found := len(c.Notes) > 0
	for _, m := range catalog.Missing() {
		c.Notes = append(c.Notes, "without "+m.Family+": "+m.Reason)
	}
	if !found {
		c.Status = checkWarn
		c.Notes = []string{"no interpreter was found: only programs of one's own (provided) can run; install python3 or nodejs"}
	}
	return c
}

// checkSpace looks at the data directory, or at where it would be made.
func checkSpace(dir string) check {
	c := check{Check: "data directory", Status: checkOK}
	at, err := filepath.Abs(dir)
	if err != nil {
		return check{Check: c.Check, Status: checkFail, Detail: err.Error()}
	}
	state := ""
	for {
		st, err := os.Stat(at)
		if err == nil && !st.IsDir() {
			return check{Check: c.Check, Status: checkFail, Detail: at + " is not a directory"}
		}
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) || filepath.Dir(at) == at {
			return check{Check: c.Check, Status: checkFail, Detail: err.Error()}
		}
		state, at = " (not there yet)", filepath.Dir(at)
	}
	free, known := freeSpace(at)
	c.Detail = dir + state
	switch {
	case !writable(at):
		c.Status = checkFail
		c.Notes = []string{"this user may not write to " + at + "; name another directory with --data"}
	case !known:
	case free < tinySpace:
		c.Status = checkFail
	case free < lowSpace:
		c.Status = checkWarn
	}
	if known {
		c.Detail += ", " + bytesText(int64(min(free, 1<<62))) + " free"
	}
	return c
}

// writable reports whether a file can be made in dir.
func writable(dir string) bool {
	f, err := os.CreateTemp(dir, ".ebb-doctor-")
	if err != nil {
		return false
	}
	_ = f.Close()
	return os.Remove(f.Name()) == nil
}

// checkPort tries a default address.
func checkPort(ctx context.Context, name, addr string, running bool) check {
	c := check{Check: name, Status: checkOK, Detail: addr + " is free"}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err == nil {
		_ = l.Close()
		return c
	}
	c.Detail = addr + " is in use"
	if running {
		c.Detail += ", maybe by the running server"
		return c
	}
	c.Status = checkWarn
	c.Notes = []string{"name another address with --listen or --gateway of ebb serve"}
	return c
}

// checkServer asks the running server. That none runs is no fault.
func (a *app) checkServer(ctx context.Context) check {
	c := check{Check: "server", Status: checkOK}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cl, err := a.connect()
	if err == nil {
		defer cl.Close()
		var n *client.Node
		if n, err = cl.Node(ctx); err == nil {
			c.Detail = fmt.Sprintf("%s, version %s, up %s, sandbox %s, %d instances, %s",
				cl.Config().Endpoint, n.Version, (time.Duration(n.Uptime) * time.Second).String(), n.Sandbox.Name,
				n.Instances.Total, bytesText(n.Memory.RSS))
			c.Notes = append([]string{"runtimes: " + strings.Join(n.Runtimes, " ")}, n.Sandbox.Missing...)
			return c
		}
	}
	c.Status, c.Detail = checkWarn, "not running: "+reason(err)
	c.Notes = []string{"start it with: ebb serve --data DIR"}
	if e, ok := client.ErrorOf(err); ok {
		c.Detail, c.Notes = "refuses: "+e.Error(), nil
	}
	return c
}

// reason is what an error says to people.
func reason(err error) string {
	text, _ := explain(err)
	return text
}
