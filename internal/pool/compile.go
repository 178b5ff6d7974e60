package pool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
		p.spares.wantCode(rt.Compile.For(codeName(v)), v)
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

// wantCode asks for prep, which is of v, unless that was done.
func (s *spares) wantCode(prep *runtimes.Prepare, v *ebb.Version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.asked[prep.Key] {
		s.asked[prep.Key] = true
		s.codes = append(s.codes, v)
		s.call()
	}
}

// uncompiled returns a version whose code was asked for, or nil.
func (s *spares) uncompiled() *ebb.Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.codes) == 0 {
		return nil
	}
	v := s.codes[0]
	s.codes = s.codes[1:]
	return v
}

// compile compiles v's code.
func (p *Pool) compile(ctx context.Context, v *ebb.Version) {
	rt, ok := p.runtime(v)
	if !ok || rt.Compile == nil {
		return // it is no more
	}
	began := time.Now()
	prep := rt.Compile.For(codeName(v))
	if prep.Done(asInside) {
		return
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
