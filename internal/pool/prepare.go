package pool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/runtimes"
)

// Bounds of preparing a runtime.
const (
	prepareTime     = 2 * time.Minute
	prepareMemoryMB = 1024
	prepareWeight   = 2       // everything else goes first
	prepareOutput   = 4 << 10 // of what it prints, the part that is logged
)

// prepareRuntime runs what makes later starts of rt faster, unless that was done
// once, by this ebb or an earlier one. Without it starts are slower, no more.
func (p *Pool) prepareRuntime(ctx context.Context, rt *runtimes.Runtime) {
	began := time.Now()
	done, err := p.runPreparation(ctx, rt, rt.Prepare, nil)
	switch {
	case err != nil && ctx.Err() == nil:
		p.deps.Log.Warn("starts could not be made faster", "runtime", rt.ID, "error", err)
	case done:
		p.deps.Log.Info("starts were made faster", "runtime", rt.ID, "took", time.Since(began))
	}
}

// runPreparation runs the command of prep in a box of its own, in which nothing
// of a user's runs; mounts may be something of a user's that it reads.
func (p *Pool) runPreparation(ctx context.Context, rt *runtimes.Runtime, prep *runtimes.Prepare, mounts []sandbox.Mount) (done bool, err error) {
	mount, err := prep.Begin()
	if err != nil {
		return false, err
	}
	path := func(inside string) string { return inside }
	defer func() { err = errors.Join(err, prep.Finish(mount, done, path)) }()
	spec := preparation(rt.Root, rt.Mounts)
	spec.Mounts = append(append(spec.Mounts, mounts...), sandbox.Mount{Source: mount.Source, Target: mount.Target, Writable: true})
	box, err := p.deps.Driver.Create(ctx, spec)
	if err != nil {
		return false, err
	}
	defer box.Destroy()
	path = box.Path
	if prep.Done(path) {
		return false, nil
	}
	_, err = p.complete(ctx, box, sandbox.Process{
		Argv: prep.Command(path), Env: append(slices.Clone(rt.Env), "LANG=C.UTF-8", "TZ=:UTC"), Dir: path("/tmp"),
	})
	return err == nil, err
}

// Probe runs a command in a box whose root is an image, and returns what it
// prints, at most 4 KiB. It fails if the command does.
func (p *Pool) Probe(ctx context.Context, root string, probe runtimes.Probe) ([]byte, error) {
	box, err := p.deps.Driver.Create(ctx, preparation(root, probe.Mounts))
	if err != nil {
		return nil, err
	}
	defer box.Destroy()
	return p.complete(ctx, box, sandbox.Process{Argv: probe.Argv, Env: probe.Env, Dir: box.Path("/tmp")})
}

// preparation describes a box in which nothing of a user's function runs.
func preparation(root string, mounts []runtimes.Mount) sandbox.Spec {
	spec := sandbox.Spec{ID: uuid.NewString(), Root: root, Limits: sandbox.Limits{MemoryMB: prepareMemoryMB, CPUWeight: prepareWeight}}
	for _, m := range mounts {
		spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: m.Source, Target: m.Target})
	}
	return spec
}

// complete runs a process to its end, and returns what it printed. It fails if
// the process does.
func (p *Pool) complete(ctx context.Context, box sandbox.Box, proc sandbox.Process) ([]byte, error) {
	if err := box.Start(ctx, proc); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, prepareTime)
	defer cancel()
	defer context.AfterFunc(ctx, box.Destroy)()
	output := box.Output()
	defer func() { _ = output.Close() }() // only read
	var said bytes.Buffer
	_, _ = io.CopyN(&said, output, prepareOutput) // fails at the end, which is what is waited for
	_, _ = io.Copy(io.Discard, output)
	<-box.Done()
	if exit := box.Exit(); exit.Code != 0 || exit.Err != nil {
		return nil, fmt.Errorf("ended with %+v: %s", exit, bytes.TrimSpace(said.Bytes()))
	}
	return said.Bytes(), ctx.Err()
}
