package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/ebb-faas/ebb/runtimes"
	"github.com/ebb-faas/ebb/test/platform"
)

// memoryMB of every function measured.
const memoryMB = 512

func main() {
	out := flag.String("o", "", "write the results as JSON to this file")
	rounds := flag.Int("rounds", 5, "rounds of each measurement")
	each := flag.Duration("time", 2*time.Second, "length of a round")
	only := flag.String("only", "", "measure only groups whose name contains this")
	frontOf := flag.String("front", "", "(internal) serve as the bare front of WORKERS,DIR")
	echo := flag.Bool("echo", false, "(internal) serve as the plain Go echo")
	flag.String("ebb", "", "the ebb to measure; default $EBB_BIN or bin/ebb")
	flag.Parse()
	if f := flag.Lookup("ebb"); f.Value.String() != "" {
		_ = os.Setenv("EBB_BIN", f.Value.String())
	}
	var err error
	switch {
	case *frontOf != "":
		workers, dir, _ := strings.Cut(*frontOf, ",")
		n, _ := strconv.Atoi(workers)
		err = serveFront(n, dir)
	case *echo:
		err = serveEcho()
	default:
		b := &bench{rounds: *rounds, each: *each, only: *only, report: newReport()}
		err = errors.Join(b.run(context.Background()), b.report.write(*out))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	rounds int
	each   time.Duration
	only   string
	report *report

	dir      string
	platform *platform.Platform
	urls     map[string]string // function → URL
}

func (b *bench) run(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "ebb-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.platform, err = platform.Start(ctx, platform.Config{Data: filepath.Join(b.dir, "data")}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.platform.Stop()) }()
	if err := b.idle(ctx); err != nil {
		return err
	}
	if err := b.deploy(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{b.cold, b.warm, b.async} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// deploy creates the echo functions with their URLs.
func (b *bench) deploy(ctx context.Context) error {
	fs, err := functions(b.dir, memoryMB)
	if err != nil {
		return err
	}
	b.urls = make(map[string]string)
	for _, f := range fs {
		if err := b.platform.Create(ctx, f); err != nil {
			return err
		}
		if b.urls[f.Name], err = b.platform.URL(ctx, f.Name); err != nil {
			return err
		}
	}
	return nil
}

// warm measures warm invocations, beside the raw limits, at each concurrency.
func (b *bench) warm(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	nodeDir := filepath.Join(b.dir, "node")
	if err := os.MkdirAll(nodeDir, 0o755); err != nil {
		return err
	}
	script := filepath.Join(nodeDir, "echo.js")
	if err := errors.Join(os.WriteFile(script, []byte(plainNode), 0o644),
		os.WriteFile(filepath.Join(nodeDir, "index.js"), []byte(nodeEcho), 0o644)); err != nil {
		return err
	}
	goEcho, err := startPeer(self, "-echo")
	if err != nil {
		return err
	}
	defer goEcho.stop()
	nodeEchoServer, err := startPeer("node", script)
	if err != nil {
		return err
	}
	defer nodeEchoServer.stop()
	for _, conns := range []int{1, 16, 64} {
		group := fmt.Sprintf("warm, %d in flight", conns)
		if !strings.Contains(group, b.only) {
			continue
		}
		front, err := startPeer(self, "-front", fmt.Sprintf("%d,%s", conns, nodeDir))
		if err != nil {
			return err
		}
		targets := []target{
			front.target("bare front + Node workers"),
			{"Node, function URL", b.platform.PID(), post(b.urls["node"])},
			{"Node, web function of 32", b.platform.PID(), post(b.urls["web"])},
			{"Node, Lambda API", b.platform.PID(), invokeAPI(b.platform, "node")},
			{"Node, 32 in one instance", b.platform.PID(), post(b.urls["node32"])},
			{"Python async, 32 in one instance", b.platform.PID(), post(b.urls["python32"])},
			{"Python threads, 32 in one instance", b.platform.PID(), post(b.urls["threads32"])},
			{"Python, function URL", b.platform.PID(), post(b.urls["python"])},
			{"Python, Lambda API", b.platform.PID(), invokeAPI(b.platform, "python")},
			{"Go, function URL", b.platform.PID(), post(b.urls["go"])},
			{"Go, Lambda API", b.platform.PID(), invokeAPI(b.platform, "go")},
			nodeEchoServer.target("plain Node echo"),
			goEcho.target("plain Go echo"),
		}
		err = b.group(group, targets, conns)
		front.stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// group loads each target in turn, several rounds, and reports the sums.
func (b *bench) group(name string, targets []target, conns int) error {
	samples := make([]sample, len(targets))
	for round := -1; round < b.rounds; round++ { // round -1 warms up
		for i, t := range targets {
			progress("%-28s round %d/%d  %s", name, max(round+1, 0), b.rounds, t.name)
			r, err := t.request()
			if err != nil {
				return err
			}
			before, err := platform.TreeCPU(t.pid)
			if err != nil {
				return err
			}
			s, err := load(r, conns, b.each)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", name, t.name, err)
			}
			after, err := platform.TreeCPU(t.pid)
			if err != nil {
				return err
			}
			if s.cpu = after - before; round >= 0 {
				samples[i].add(s)
			}
		}
	}
	progress("")
	rows := make([]warmRow, len(targets))
	for i, t := range targets {
		rows[i] = newWarmRow(t.name, &samples[i])
	}
	b.report.addWarm(name, rows)
	return nil
}

// idle reports what a platform without functions takes.
func (b *bench) idle(context.Context) error {
	rss, pss, err := platform.Memory(b.platform.PID())
	if err != nil {
		return err
	}
	bin, err := platform.Binary()
	if err != nil {
		return err
	}
	info, err := os.Stat(bin)
	if err != nil {
		return err
	}
	b.report.Idle = idleRow{RSSMiB: mib(rss), PSSMiB: mib(pss), BinaryMiB: mib(info.Size())}
	return nil
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// bareStarts are the commands whose start a cold start is put beside: the very
// interpreters that ebb uses, printing one letter.
func bareStarts(ctx context.Context, dir string) (map[string][]string, error) {
	catalog, err := runtimes.Load(ctx, filepath.Join(dir, "runtimes"))
	if err != nil {
		return nil, err
	}
	starts := map[string][]string{"go": {filepath.Join(dir, "bootstrap")}} // ends at once: no AWS_LAMBDA_RUNTIME_API
	for name, id := range map[string]string{"node": "nodejs", "python": "python3"} {
		rt, ok := catalog.Lookup(id)
		if !ok {
			return nil, fmt.Errorf("no %s on this host, only %v", id, catalog.IDs())
		}
		starts[name] = append(starts[name], hostPath(rt, rt.Argv[0]))
	}
	starts["node"] = append(starts["node"], "-e", "process.stdout.write('x')")
	starts["web"] = starts["node"]
	starts["python"] = append(starts["python"], "-c", "import sys; sys.stdout.write('x')")
	return starts, nil
}

// coldRuns is how many cold starts of each runtime are measured.
const coldRuns = 20

// cold measures the first answer of functions that have no instance, one after
// the other on an otherwise idle platform, beside the bare runtime's start.
func (b *bench) cold(ctx context.Context) error {
	if !strings.Contains("cold start", b.only) {
		return nil
	}
	fs, err := functions(b.dir, memoryMB)
	if err != nil {
		return err
	}
	bare, err := bareStarts(ctx, b.dir)
	if err != nil {
		return err
	}
	for _, f := range fs {
		if bare[f.Name] == nil {
			continue // the same start as another
		}
		row := coldRow{Name: f.Name}
		var cold, raw []time.Duration
		for i := range coldRuns {
			progress("cold start of %s %d/%d", f.Name, i+1, coldRuns)
			begin := time.Now()
			_ = exec.CommandContext(ctx, bare[f.Name][0], bare[f.Name][1:]...).Run() // its end is all we want
			raw = append(raw, time.Since(begin))
			g := f
			g.Name = fmt.Sprintf("cold-%s-%d", f.Name, i)
			if err := b.platform.Create(ctx, g); err != nil {
				return err
			}
			r, err := invokeAPI(b.platform, g.Name)()
			if err != nil {
				return err
			}
			s, err := once(r)
			if err != nil {
				return err
			}
			cold = append(cold, s)
		}
		row.P50, row.P99 = millis(quantile(cold, 0.5)), millis(quantile(cold, 0.99))
		row.BareP50, row.BareP99 = millis(quantile(raw, 0.5)), millis(quantile(raw, 0.99))
		b.report.Cold = append(b.report.Cold, row)
	}
	progress("")
	b.report.printCold()
	return nil
}

// progress shows where a run is, on one line of a terminal; "" clears it.
func progress(format string, args ...any) {
	if term.IsTerminal(int(os.Stderr.Fd())) {
		fmt.Fprintf(os.Stderr, "\r\033[K"+format, args...)
	}
}

// once sends one request and times it.
func once(r request) (time.Duration, error) {
	lat, err := drive(r, time.Time{})
	if err != nil {
		return 0, err
	}
	return lat[0], nil
}

// machine says what the numbers were measured on.
func machine() string {
	model := "unknown CPU"
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%d × %s, %s/%s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
