package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	reference "github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/ebb-faas/ebb/runtimes"
	"github.com/ebb-faas/ebb/test/platform"
)

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
	if rt, ok := catalog.Lookup("java"); ok {
		starts["java"] = []string{hostPath(rt, rt.Argv[0]), "-cp", filepath.Join(dir, javaDir), "Bare"}
	}
	return starts, nil
}

// coldRuns is how many cold starts of each runtime are measured.
const coldRuns = 20

// cold measures the first answer of functions that have no instance, one after
// the other on an otherwise idle platform, beside the bare runtime's start: from
// instances made ahead, from nothing, and from a container image.
func (b *bench) cold(ctx context.Context) error {
	bare, err := bareStarts(ctx, b.dir)
	if err != nil {
		return err
	}
	table := b.report.table("from zero", "p50 ms", "p99 ms", "bare p50 ms", "bare p99 ms", "p50 − bare")
	if err := b.coldRows(ctx, table, b.platform, "", bare); err != nil {
		return err
	}
	miss, stop, err := b.own(ctx, "miss", "pool: {prewarmMax: -1}\n")
	if err != nil {
		return err
	}
	if err := errors.Join(b.coldRows(ctx, table, miss, ", pool missed", bare), stop()); err != nil {
		return err
	}
	return b.coldImage(ctx, table, bare["go"])
}

// coldRows measures each kind of function on p.
func (b *bench) coldRows(ctx context.Context, table *table, p *platform.Platform, suffix string, bare map[string][]string) error {
	for _, f := range b.functions {
		if bare[f.Name] == nil {
			continue // the same start as another
		}
		err := b.coldRow(ctx, table, p, f.Name+suffix, bare[f.Name], func(n int) (string, error) {
			g := f
			g.Name = fmt.Sprintf("cold-%s-%d", f.Name, n)
			return g.Name, p.Create(ctx, g)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// coldRow measures starts of functions that create makes, and of a command. It
// notes how many of them found something made ahead.
func (b *bench) coldRow(ctx context.Context, table *table, p *platform.Platform, row string, command []string, create func(n int) (string, error)) error {
	if len(b.rows) > 0 && !has(row, b.rows) {
		return nil
	}
	var cold, bare []time.Duration
	before, err := madeAhead(p)
	if err != nil {
		return err
	}
	for i := range coldRuns {
		progress("cold start of %s %d/%d", row, i+1, coldRuns)
		if err := rest(ctx, p); err != nil {
			return err
		}
		begin := time.Now()
		_ = exec.CommandContext(ctx, command[0], command[1:]...).Run() // its end is all we want
		bare = append(bare, time.Since(begin))
		name, err := create(i)
		if err != nil {
			return err
		}
		if err := rest(ctx, p); err != nil { // what the deploy began
			return err
		}
		r, err := invokeAPI(p, name)()
		if err != nil {
			return err
		}
		took, err := once(r)
		if err != nil {
			return err
		}
		cold = append(cold, took)
	}
	after, err := madeAhead(p)
	if err != nil {
		return err
	}
	table.note("%s: %d of %d starts were from what was made ahead", row, after-before, coldRuns)
	p50, bare50 := millis(quantile(cold, 0.5)), millis(quantile(bare, 0.5))
	table.add(row, p50, millis(quantile(cold, 0.99)), bare50, millis(quantile(bare, 0.99)), p50-bare50)
	return nil
}

// coldImage measures a container image that holds the Go echo, unpacked by the
// first that is created.
func (b *bench) coldImage(ctx context.Context, table *table, bare []string) (err error) {
	archive := filepath.Join(b.dir, "images", "echo.tar")
	if err := writeImage(archive, filepath.Join(b.dir, "bootstrap")); err != nil {
		return err
	}
	p, stop, err := b.own(ctx, "image", fmt.Sprintf("images: {localPaths: [%q]}\n", filepath.Dir(archive)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return b.coldRow(ctx, table, p, "go, container image", bare, func(n int) (string, error) {
		name := fmt.Sprintf("cold-image-%d", n)
		_, err := p.Lambda().CreateFunction(ctx, &lambda.CreateFunctionInput{
			FunctionName: &name, Role: aws.String(platform.Role), PackageType: types.PackageTypeImage, MemorySize: aws.Int32(memoryMB),
			Code: &types.FunctionCode{ImageUri: aws.String("docker-archive:" + archive)}, Timeout: aws.Int32(30)})
		return name, err
	})
}

// writeImage saves an image of one layer with a static program in it.
func writeImage(archive, program string) error {
	text, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	err = w.WriteHeader(&tar.Header{Name: "bootstrap", Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg})
	_, werr := w.Write(text)
	if err := errors.Join(err, werr, w.Close()); err != nil {
		return err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files.Bytes())), nil })
	if err != nil {
		return err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	config.Architecture, config.OS, config.Config.Entrypoint = runtime.GOARCH, "linux", []string{"/bootstrap"}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return err
	}
	tag, err := reference.NewTag("echo:latest")
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(archive), 0o755), tarball.WriteToFile(archive, tag, image))
}

var madeAheadRE = regexp.MustCompile(`(?m)^ebb_starts_total\{kind="spare"\} ([0-9]+)`)

// madeAhead is how many instances have begun in a box that was made ahead, with
// the runtime's process in it where there is one.
func madeAhead(p *platform.Platform) (int, error) {
	text, err := metrics(p)
	if err != nil {
		return 0, err
	}
	found := madeAheadRE.FindSubmatch(text)
	if found == nil {
		return 0, errors.New("no ebb_starts_total among the metrics")
	}
	return strconv.Atoi(string(found[1]))
}

// rest waits until a platform computes nothing: what it does beside the requests
// (making instances ahead, compiling) is not what is measured.
func rest(ctx context.Context, p *platform.Platform) error {
	const look = 100 * time.Millisecond
	spent, err := platform.TreeCPU(p.PID())
	if err != nil {
		return err
	}
	at := time.Now()
	return platform.Poll(ctx, time.Minute, func() error {
		since := time.Since(at)
		if since < look {
			return errors.New("looked too short")
		}
		now, err := platform.TreeCPU(p.PID())
		if err != nil {
			return err
		}
		used := now - spent // less than none: a process has ended
		spent, at = now, time.Now()
		if used < 0 || used > since/5 { // an idle runtime computes a little
			return fmt.Errorf("it computes: %v in %v", used, since)
		}
		return nil
	})
}

// once sends one request and times it.
func once(r request) (time.Duration, error) {
	s, err := load(r, 1, 0)
	if err != nil {
		return 0, err
	}
	return s.latencies[0], nil
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
