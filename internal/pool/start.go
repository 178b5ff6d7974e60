package pool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/runtimes"
)

// Failure is why a function could not be initialised: its own fault, told to
// the caller as a function error.
type Failure struct {
	ErrorType string
	Document  []byte // the error document, JSON
	Phases    ebb.Phases

	MemoryPeak int64 // of the instance that failed, bytes

	slow bool   // there was not enough time: with more it might have been well
	hint string // what was waited for, if that is known
}

func (f *Failure) Error() string { return "function initialisation failed: " + f.ErrorType }

// start runs the steps of an instance's beginning in order: box (unless it is a
// spare's), specialise (code, identity, listeners, process), init (until the
// runtime asks for work, for at most limit, and the initializer has run). The
// error is a *Failure where the function is at fault.
func (in *instance) start(ctx context.Context, limit time.Duration) (ebb.Phases, error) {
	v, deps := in.shelf.version, &in.pool.deps
	var ph ebb.Phases
	rt, mounts, err := in.program(ctx)
	if err != nil {
		return ph, err
	}
	clock := time.Now()
	lap := func() time.Duration {
		d := time.Since(clock)
		clock = clock.Add(d)
		return d
	}
	fresh := in.box == nil
	if fresh {
		spec := in.spec(rt, in.limits(v))
		spec.Mounts = append(spec.Mounts, mounts...)
		if in.box, err = deps.Driver.Create(ctx, spec); err != nil {
			return ph, err
		}
		ph.Box = lap()
	}
	if err := in.connect(ctx); err != nil {
		return ph, err
	}
	if !fresh {
		if err := in.attach(ctx, mounts); err != nil {
			return ph, err
		}
	}
	in.extend(rt, mounts)
	env, err := in.environment(ctx, rt)
	if err != nil {
		return ph, err
	}
	if in.session == nil {
		if err := in.launch(ctx, rt, v.MemoryMB, env, false); err != nil {
			return ph, err
		}
	}
	ph.Specialise = lap()
	if err = in.ready(ctx, env, limit); err == nil {
		in.pool.spares.started(v, rt)
		err = in.initialize(ctx)
	}
	if err == nil {
		err = in.initialised(ctx, clock)
	}
	if err == nil { // not before: what comes before is what everybody waits for
		err = in.box.LimitCPU(v.CPUQuota())
	}
	ph.Init = lap()
	var failure *Failure
	if errors.As(err, &failure) {
		failure.Phases = ph
	}
	return ph, err
}

// attachLimit is how long a spare may take to become a version's; it takes well
// under a millisecond, and one that does not answer is broken.
const attachLimit = 2 * time.Second

// attach puts the code into a spare's box and gives it the version's limits.
func (in *instance) attach(ctx context.Context, mounts []sandbox.Mount) error {
	ctx, cancel := context.WithTimeout(ctx, attachLimit)
	defer cancel()
	return in.box.Attach(ctx, mounts, in.limits(in.shelf.version))
}

// initType is what AWS_LAMBDA_INITIALIZATION_TYPE says.
func (in *instance) initType() string {
	if in.provisioned {
		return "provisioned-concurrency"
	}
	return "" // on-demand
}

// spec describes a box for a runtime, without code.
func (in *instance) spec(rt *runtimes.Runtime, limits sandbox.Limits) sandbox.Spec {
	mounts := make([]sandbox.Mount, 0, len(rt.Mounts)+1)
	for _, m := range rt.Mounts {
		mounts = append(mounts, sandbox.Mount{Source: m.Source, Target: m.Target})
	}
	spec := sandbox.Spec{ID: string(in.id), Root: rt.Root, User: rt.User, WritableRoot: rt.WritableRoot, Mounts: mounts, Limits: limits}
	if rt.Root != "" && rt.Dir != "" && rt.Dir != "/" {
		spec.Places = append(spec.Places, rt.Dir) // a WORKDIR need not be in any layer
	}
	return spec
}

// limits are those of a version's instances.
func (in *instance) limits(v *ebb.Version) sandbox.Limits {
	cfg := &in.pool.cfg
	return sandbox.Limits{MemoryMB: v.MemoryMB, TmpMB: v.TmpMB, PIDs: cfg.PIDs, Files: cfg.Files,
		FileSizeMB: cfg.FileSizeMB, ShmMB: cfg.ShmMB}
}

// environment builds everything the function will find in its environment, and
// opens its way back to ebb's own APIs, which is part of it.
func (in *instance) environment(ctx context.Context, rt *runtimes.Runtime) (map[string]string, error) {
	v, err := in.variables(ctx)
	if err != nil {
		return nil, err
	}
	handler, keys := in.pool.deps.Endpoint(v)
	in.endpoint = newEndpoint(handler)
	go func(l net.Listener) { _ = in.endpoint.Serve(l) }(in.box.Endpoint())
	opt := runtimeapi.EnvOptions{
		Region:          in.pool.cfg.Region,
		Endpoint:        "http://" + in.box.Endpoint().Addr().String(),
		AccessKeyID:     keys.AccessKeyID,
		SecretAccessKey: keys.SecretAccessKey,
		SessionToken:    keys.Token,
		LogStream:       in.began.UTC().Format("2006/01/02/[") + v.Qualifier() + "]" + string(in.id),
		TaskRoot:        in.box.Path(runtimeapi.TaskRoot),
		RuntimeDir:      in.box.Path(runtimeapi.RuntimeDir),
		InitType:        in.initType(),
		Runtime:         rt.Env,
		Image:           v.IsImage(),
	}
	if rt.Protocol == runtimes.HTTP || in.extensions != nil {
		opt.RuntimeAPI = in.box.RuntimeAPI().Addr().String()
	}
	if rt.Protocol == runtimes.Web {
		opt.WebPort = in.box.Port(v.WebPort())
	}
	return runtimeapi.Env(v, opt), nil
}

// launch starts the process and the conversation with it. A generic one is told
// later what it works on; even one that is not finds in its environment at start
// only what counts there, so that both are the same process.
func (in *instance) launch(ctx context.Context, rt *runtimes.Runtime, memoryMB int, env map[string]string, generic bool) error {
	framed := rt.Protocol == runtimes.Framed
	opt := runtimeapi.Options{MaxResponse: in.pool.cfg.MaxResponse, Extensions: in.extensions, Log: in.log}
	switch rt.Protocol {
	case runtimes.HTTP: // before the process can call
		s := runtimeapi.NewHTTP(in.box.RuntimeAPI(), opt)
		s.Serve()
		in.session = s
	case runtimes.Web:
		in.session = runtimeapi.NewWeb(in.web(), opt)
	}
	if err := in.runExtensions(ctx, env); err != nil {
		return err
	}
	var err error
	if framed && !generic && in.extensions == nil { // an extension would be in the box already
		in.forked, err = in.fork(ctx, rt)
	}
	if err == nil && !in.forked {
		err = in.box.Start(ctx, sandbox.Process{
			Argv:        rt.Command(memoryMB, in.box.Path),
			Env:         startEnv(rt, env),
			Dir:         in.startDir(rt),
			Framed:      framed,
			AttachLater: generic,
		})
	}
	if err != nil {
		return err
	}
	if framed {
		in.session = runtimeapi.NewFramed(in.box.Conn(), opt)
	} else {
		go in.watch()
	}
	in.output, err = newOutput(in.box.Output(), func(line []byte) { in.log("", "", line) })
	if err != nil {
		return err
	}
	go in.output.run()
	return nil
}

// startDir is where the process begins: most framed runtimes go to the code by
// themselves, once that is there.
func (in *instance) startDir(rt *runtimes.Runtime) string {
	if rt.Dir != "" {
		return in.box.Path(rt.Dir)
	}
	if rt.Protocol == runtimes.Framed {
		return in.box.Path("/tmp")
	}
	return in.box.Path(runtimeapi.TaskRoot)
}

// startEnv is the part of a function's environment that a process must have
// from its start on. A framed runtime gets the whole with its init frame.
func startEnv(rt *runtimes.Runtime, env map[string]string) []string {
	if rt.Protocol != runtimes.Framed {
		return runtimeapi.EnvList(env)
	}
	list := slices.Clone(rt.Env)
	for _, name := range append([]string{"TZ", "LANG"}, rt.StartEnv...) {
		if value, ok := env[name]; ok {
			list = append(list, name+"="+value)
		}
	}
	return list
}

// ready waits until the runtime asks for work. What ends it earlier is a
// *Failure, except the end of ctx.
func (in *instance) ready(ctx context.Context, env map[string]string, limit time.Duration) error {
	v, cfg := in.shelf.version, &in.pool.cfg
	initCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if in.slot != nil {
		defer in.pool.pace(in.slot, in.box)()
	}
	failure, err := in.session.Ready(initCtx, runtimeapi.Init{
		Handler:  v.Handler,
		TaskRoot: env["LAMBDA_TASK_ROOT"],
		ARN:      ebb.FunctionARN(cfg.Region, v.FunctionKey, ""),
		Env:      env,
		Tenant:   in.shelf.tenant,

		Concurrency: in.shelf.places,
	})
	in.output.drain()
	switch {
	case failure != nil:
		return &Failure{ErrorType: failure.ErrorType, Document: failure.Document}
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errClosing()
	case errors.Is(initCtx.Err(), context.DeadlineExceeded):
		hint := ""
		if port := v.WebPort(); port > 0 {
			hint = fmt.Sprintf(": nothing listens on port %d%s", port, elsewhere(in.box.Listening()))
		} else if _, polls := in.session.(*runtimeapi.HTTP); polls {
			hint = ": nothing has asked the Runtime API for work (an HTTP server needs " + ebb.EnvWebPort + ")"
		}
		failure := in.initFailure(ebb.ErrorInitTimeout, fmt.Sprintf("Initialisation timed out after %.2f seconds", limit.Seconds())+hint)
		failure.slow, failure.hint = true, hint
		return failure
	}
	return in.initFailure(in.cause(err))
}

// elsewhere is for a server that does not listen where it should.
func elsewhere(listening []netip.AddrPort) string {
	if len(listening) == 0 {
		return ""
	}
	var text []string
	for _, at := range listening {
		text = append(text, at.String())
	}
	return " of 127.0.0.1 or ::1, but on " + strings.Join(text, ", ") + " (PORT and " + ebb.EnvWebPort + " say which it is to be)"
}

// lastWords is how long after its process's end a conversation over HTTP may go
// on: what the process sent is on its way through the loopback device.
const lastWords = 50 * time.Millisecond

// watch closes a conversation over HTTP after the process has ended: its
// listener is the node's own and would stay open. A framed socket ends by itself.
func (in *instance) watch() {
	<-in.box.Done()
	time.Sleep(lastWords)
	_ = in.session.Close()
}

// initFailure is a Failure that ebb, not the function, found words for. They go
// to the log too.
func (in *instance) initFailure(typ, message string) *Failure {
	in.append(logs.Platform, "", "", []byte("INIT_REPORT Status: error\tError Type: "+typ+"\t"+message))
	return &Failure{ErrorType: typ, Document: errorDocument("", typ, message)}
}
