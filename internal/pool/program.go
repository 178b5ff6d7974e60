package pool

import (
	"context"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/runtimes"
)

// program is what the instance's version runs: a runtime of the catalog with the
// version's package mounted, or a container image, which is both in one.
func (in *instance) program(ctx context.Context) (*runtimes.Runtime, []sandbox.Mount, error) {
	folders, err := in.pool.folders(in.shelf.version)
	if err != nil {
		return nil, nil, err
	}
	rt, mounts, err := in.code(ctx)
	return rt, append(mounts, folders...), err
}

// code is program without the folders of others.
func (in *instance) code(ctx context.Context) (*runtimes.Runtime, []sandbox.Mount, error) {
	v, deps := in.shelf.version, &in.pool.deps
	if v.IsImage() {
		img, root, err := deps.Packages.Image(ctx, v.Code.Digest)
		if err != nil {
			return nil, nil, err
		}
		rt := imageRuntime(v, img, root)
		if v.WebPort() > 0 {
			rt = rt.Web("")
			rt.WritableRoot = true // as servers are used to; a function of the Runtime API has /tmp, as in Lambda
		}
		if len(rt.Argv) == 0 {
			return nil, nil, in.initFailure(ebb.ErrorInvalidEntrypoint,
				"The image has neither ENTRYPOINT nor CMD, and the function's ImageConfig names none")
		}
		return rt, nil, nil
	}
	rt, ok := in.pool.runtime(v)
	if !ok {
		return nil, nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidRuntime,
			"Runtime: %s is not installed on this node", v.Runtime)
	}
	mounts, err := in.pool.sources(ctx, v)
	if err != nil {
		return nil, nil, err
	}
	if len(mounts) > 1 {
		rt = layered(rt, mounts[0].Source, mounts[1].Source)
	}
	return rt, append(mounts, in.pool.compiled(rt, v)...), nil
}

// layered is rt for a function with layers: a program that its package lacks may
// come from a layer, as a custom runtime's bootstrap does.
func layered(rt *runtimes.Runtime, code, opt string) *runtimes.Runtime {
	program, own := strings.CutPrefix(rt.Argv[0], runtimeapi.TaskRoot)
	if !own || exists(code+program) || !exists(opt+program) {
		return rt
	}
	moved := *rt
	moved.Argv = append([]string{runtimeapi.LayerRoot + program}, rt.Argv[1:]...)
	return &moved
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// runtime is what the catalog has for a version with a package.
func (p *Pool) runtime(v *ebb.Version) (*runtimes.Runtime, bool) {
	rt, ok := p.deps.Runtimes.Lookup(v.Runtime)
	if ok && v.WebPort() > 0 {
		rt = rt.Web(v.Handler)
	}
	return rt, ok
}

// imageRuntime is a container image as a runtime: what the image says about
// running it, each part unless the version says otherwise.
func imageRuntime(v *ebb.Version, img *artifact.Image, root string) *runtimes.Runtime {
	entry, cmd, dir := img.Config.Entrypoint, img.Config.Cmd, img.Config.WorkingDir
	if c := &v.Image.Config; !c.Empty() {
		if len(c.EntryPoint) > 0 {
			entry = c.EntryPoint
		}
		if len(c.Command) > 0 {
			cmd = c.Command
		}
		if c.WorkingDirectory != "" {
			dir = c.WorkingDirectory
		}
	}
	env := img.Config.Env
	if img.User != nil && !slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "HOME=") }) {
		env = append(slices.Clone(env), "HOME="+img.User.Home)
	}
	return &runtimes.Runtime{
		ID:       v.Image.URI,
		Protocol: runtimes.HTTP,
		Argv:     append(append([]string(nil), entry...), cmd...),
		Dir:      path.Join("/", dir),
		Env:      env,
		Root:     root,
		User:     img.User,
		Literal:  true,
	}
}
