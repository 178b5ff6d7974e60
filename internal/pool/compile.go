package pool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/runtimes"
)

// Compile has v's code compiled, if its runtime knows how to. Starts that come
// before that is done do without.
func (p *Pool) Compile(v *ebb.Version) {
	rt, ok := p.runtime(v)
	if ok && p.compiles(rt, v) && !p.cfg.PrewarmOff {
		p.compiler.want(rt.Compile.For(codeName(v)).Key, v)
	}
}

// compiles reports whether rt's instances of v can use what was compiled ahead:
// it holds where it was compiled, so all boxes must look the same from within.
func (p *Pool) compiles(rt *runtimes.Runtime, v *ebb.Version) bool {
	return !v.IsImage() && rt.Compile != nil && p.deps.Driver.Level().Follows
}

// codeName names all the code of v.
func codeName(v *ebb.Version) string {
	all := string(v.Code.Digest)
	for _, l := range v.Layers {
		all += "\x00" + string(l.Code.Digest)
	}
	sum := sha256.Sum256([]byte(all))
	return hex.EncodeToString(sum[:])[:32]
}

// compiled is the mount of what was compiled of v's code, if it was; else that is
// asked for.
func (p *Pool) compiled(rt *runtimes.Runtime, v *ebb.Version) []sandbox.Mount {
	if !p.compiles(rt, v) {
		return nil
	}
	prep := rt.Compile.For(codeName(v))
	if !prep.Done(asInside) {
		p.Compile(v)
		return nil
	}
	prep.Used()
	return []sandbox.Mount{{Source: prep.Dir, Target: runtimes.CompiledDir}}
}

// asInside is the path of boxes whose processes see what the box's own paths say.
func asInside(path string) string { return path }

// compiler compiles the code of versions, and prepares runtimes, one after the other,
// beside all else: its boxes get what CPU time nobody else wants. What has not been
// compiled when its version is no more, or is being compiled just then, is let be.
type compiler struct {
	compile func(context.Context, *ebb.Version) error
	prepare func(context.Context, *runtimes.Runtime)
	wake    chan struct{} // there is something to do; capacity 1

	mu       sync.Mutex
	prepared map[string]bool     // of runtimes, by their Prepare.Key: was tried, or waits
	runtimes []*runtimes.Runtime // to be prepared
	asked    map[string]bool     // by Prepare.Key: waiting, at work, or could not be compiled
	queue    []*compilation
	now      *compilation // at work; nil = none
}

// compilation is one code that is to be compiled.
type compilation struct {
	key     string       // of its Prepare
	version *ebb.Version // one that has this code
	cancel  context.CancelFunc
}

func newCompiler(compile func(context.Context, *ebb.Version) error, prepare func(context.Context, *runtimes.Runtime)) *compiler {
	return &compiler{compile: compile, prepare: prepare, wake: make(chan struct{}, 1), asked: make(map[string]bool), prepared: make(map[string]bool)}
}

// use has a runtime prepared that would start faster then, once.
func (c *compiler) use(rt *runtimes.Runtime) {
	if rt.Prepare == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.prepared[rt.Prepare.Key] {
		c.prepared[rt.Prepare.Key] = true
		c.runtimes = append(c.runtimes, rt)
		c.call()
	}
}

// unprepared takes a runtime that is to be prepared, or nil.
func (c *compiler) unprepared() *runtimes.Runtime {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.runtimes) == 0 {
		return nil
	}
	rt := c.runtimes[0]
	c.runtimes = c.runtimes[1:]
	return rt
}

func (c *compiler) call() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// want asks for the code of v. A code that waits already is from now on v's.
func (c *compiler) want(key string, v *ebb.Version) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked[key] {
		for _, job := range append([]*compilation{c.now}, c.queue...) {
			if job != nil && job.key == key {
				job.version = v
			}
		}
		return
	}
	c.asked[key] = true
	c.queue = append(c.queue, &compilation{key: key, version: v})
	c.call()
}

// retain gives up what is wanted for versions of function that are not among
// revisions. Another function with the same code asks again when it starts.
func (c *compiler) retain(function ebb.FunctionKey, revisions map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	gone := func(job *compilation) bool {
		_, there := revisions[job.version.RevisionID]
		if job.version.FunctionKey != function || there {
			return false
		}
		delete(c.asked, job.key)
		return true
	}
	c.queue = slices.DeleteFunc(c.queue, gone)
	if c.now != nil && gone(c.now) {
		c.now.cancel()
	}
}

// next takes the code that has waited longest; it is compiled while ctx lasts.
func (c *compiler) next(parent context.Context) (job *compilation, v *ebb.Version, ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 || parent.Err() != nil {
		return nil, nil, parent
	}
	job = c.queue[0]
	c.queue, c.now = c.queue[1:], job
	ctx, job.cancel = context.WithCancel(parent)
	return job, job.version, ctx
}

// run compiles and prepares until ctx ends.
func (c *compiler) run(ctx context.Context) {
	for {
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
		for job, v, own := c.next(ctx); job != nil; job, v, own = c.next(ctx) {
			err := c.compile(own, v)
			job.cancel()
			c.mu.Lock()
			c.now = nil
			if err == nil {
				delete(c.asked, job.key)
			}
			c.mu.Unlock()
		}
		if rt := c.unprepared(); rt != nil && ctx.Err() == nil {
			c.prepare(ctx, rt)
			c.call() // there may be more
		}
	}
}

// compile compiles v's code, unless that was done.
func (p *Pool) compile(ctx context.Context, v *ebb.Version) error {
	rt, ok := p.runtime(v)
	if !ok || rt.Compile == nil {
		return nil // it is no more
	}
	began := time.Now()
	prep := rt.Compile.For(codeName(v))
	if prep.Done(asInside) {
		return nil
	}
	mounts, err := p.sources(ctx, v)
	if err == nil {
		_, err = p.runPreparation(ctx, rt, prep, mounts)
	}
	switch {
	case err == nil:
		p.deps.Log.Info("code was compiled", "function", v.FunctionKey.String(), "version", v.Qualifier(), "took", time.Since(began))
	case ctx.Err() == nil:
		p.deps.Log.Warn("code could not be compiled", "function", v.FunctionKey.String(), "version", v.Qualifier(), "error", err)
	}
	return err
}

// sources are v's package and layers, where its instances have them.
func (p *Pool) sources(ctx context.Context, v *ebb.Version) ([]sandbox.Mount, error) {
	code, err := p.deps.Packages.Dir(ctx, v.Code.Digest)
	if err != nil {
		return nil, err
	}
	mounts := []sandbox.Mount{{Source: code, Target: runtimeapi.TaskRoot}}
	if len(v.Layers) == 0 {
		return mounts, nil
	}
	layers := make([]ebb.Digest, len(v.Layers))
	for i, l := range v.Layers {
		layers[i] = l.Code.Digest
	}
	opt, err := p.deps.Packages.Overlay(ctx, layers)
	return append(mounts, sandbox.Mount{Source: opt, Target: runtimeapi.LayerRoot}), err
}
