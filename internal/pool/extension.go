package pool

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/runtimes"
)

// extensionsDir is where the external extensions are, below LayerRoot.
const extensionsDir = "extensions"

// shutdownTime is how long extensions may take to end, Lambda's.
const (
	shutdownExternal = 2 * time.Second
	shutdownInternal = 500 * time.Millisecond
)

// external are the extensions of an instance that are processes of their own.
type external struct {
	name      string
	companion *sandbox.Companion
	output    *output
}

// extensionNames lists the external extensions in the tree that instances have
// at LayerRoot, "" = none.
func extensionNames(opt string) (names []string) {
	if opt == "" {
		return nil
	}
	entries, err := os.ReadDir(filepath.Join(opt, extensionsDir))
	if err != nil {
		return nil // there are none
	}
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(opt, extensionsDir, e.Name())); err == nil && info.Mode().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names
}

// layers is the tree on the host that rt's instances have at LayerRoot.
func layers(rt *runtimes.Runtime, mounts []sandbox.Mount) string {
	for _, m := range mounts {
		if m.Target == runtimeapi.LayerRoot {
			return m.Source
		}
	}
	if rt.Root != "" {
		return filepath.Join(rt.Root, runtimeapi.LayerRoot)
	}
	return ""
}

// extended reports whether v has external extensions: these come before the
// runtime, so a process that runs already is of no use to it.
func (p *Pool) extended(v *ebb.Version) bool {
	if len(v.Layers) == 0 || v.IsImage() {
		return false
	}
	mounts, err := p.sources(p.lifetime, v)
	return err == nil && len(extensionNames(mounts[len(mounts)-1].Source)) > 0
}

// extend opens the conversation with the instance's extensions, where it can
// have any: over HTTP always, else if there are external ones.
func (in *instance) extend(rt *runtimes.Runtime, mounts []sandbox.Mount) {
	v := in.shelf.version
	names := extensionNames(layers(rt, mounts))
	if rt.Protocol != runtimes.HTTP && len(names) == 0 {
		return
	}
	in.extensions = runtimeapi.NewExtensions(runtimeapi.ExtensionOptions{
		Function: v.Name, Version: v.Qualifier(), Handler: v.Handler, Account: string(v.Service), External: names,
		Dial: func(ctx context.Context, port int) (net.Conn, error) { return in.box.Dial(ctx, port) },
	})
	if rt.Protocol != runtimes.HTTP {
		in.extensions.Serve(in.box.RuntimeAPI())
	}
	for _, name := range names {
		in.externals = append(in.externals, &external{name: name})
	}
}

// runExtensions starts the external extensions, and waits until all have
// registered: the runtime comes after them.
func (in *instance) runExtensions(ctx context.Context, env map[string]string) error {
	if len(in.externals) == 0 {
		return nil
	}
	for _, x := range in.externals {
		var err error
		program := in.box.Path(runtimeapi.LayerRoot + "/" + extensionsDir + "/" + x.name)
		x.companion, err = in.box.Spawn(ctx, sandbox.Process{Argv: []string{program}, Env: runtimeapi.EnvList(extensionEnv(env)), Dir: in.box.Path("/")})
		if err != nil {
			return err
		}
		x.output, err = newOutput(x.companion.Output, in.extensionLine)
		if err != nil {
			return err
		}
		go x.output.run()
		go in.watchExtension(x)
	}
	return in.awaitExtensions(ctx, in.extensions.Registered)
}

// awaitExtensions waits for what the extensions do during the initialisation.
func (in *instance) awaitExtensions(ctx context.Context, wait func(context.Context) (*runtimeapi.Failure, error)) error {
	limit := in.pool.cfg.InitTimeout
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	failure, err := wait(waiting)
	switch {
	case failure != nil:
		return &Failure{ErrorType: failure.ErrorType, Document: failure.Document}
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errClosing()
	}
	return in.initFailure(ebb.ErrorExtensionInit, fmt.Sprintf("An extension was not ready within %.2f seconds", limit.Seconds()))
}

// extensionEnv is what of a function's environment extensions find: not what is
// about the runtime.
func extensionEnv(env map[string]string) map[string]string {
	without := []string{"AWS_EXECUTION_ENV", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_XRAY_CONTEXT_MISSING"}
	of := make(map[string]string, len(env))
	for name, value := range env {
		if !strings.HasPrefix(name, "_") && !strings.HasPrefix(name, "AWS_LAMBDA_LOG_") && !slices.Contains(without, name) {
			of[name] = value
		}
	}
	return of
}

// extensionLine takes a line that an extension printed.
func (in *instance) extensionLine(line []byte) {
	in.append(logs.Function, "", "", line)
	in.extensions.Line(runtimeapi.TelemetryExtension, line)
}

// watchExtension ends the instance if x ends though nobody asked it to.
func (in *instance) watchExtension(x *external) {
	<-x.companion.Done
	exit := x.companion.Exit()
	how := fmt.Sprintf("exited with status %d", exit.Code)
	switch {
	case exit.Err != nil:
		how = "could not be started: " + exit.Err.Error()
	case exit.Signal != "":
		how = "was ended by signal: " + exit.Signal
	}
	in.extensions.Fail(x.name, how)
}

// attendExtensions ends the instance's process when an extension has failed:
// whoever waits for an answer is told of that.
func (in *instance) attendExtensions() {
	if failure := in.extensions.Failure(); failure != nil {
		in.crashed.Store(failure)
		in.box.Stop(0)
	}
}

// dismiss tells the extensions that the instance ends, and gives them the time
// that they may take for it.
func (in *instance) dismiss() {
	if in.extensions == nil {
		return
	}
	defer func() { _ = in.extensions.Close() }()
	if !in.extensions.Any() || in.box == nil {
		return
	}
	limit := shutdownInternal
	if len(in.externals) > 0 {
		limit = shutdownExternal
	}
	until := time.Now().Add(limit)
	told := in.extensions.Shutdown(in.ending(), until)
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	for _, x := range in.externals {
		if !told || x.companion == nil {
			return
		}
		select {
		case <-x.companion.Done:
			x.output.drain()
		case <-timer.C:
			return
		}
	}
}

// ending is why the instance ends, in the words that extensions know.
func (in *instance) ending() string {
	if in.late.Load() {
		return runtimeapi.ShutdownTimeout
	}
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	if in.spoilt {
		return runtimeapi.ShutdownFailure
	}
	return runtimeapi.ShutdownSpindown
}

// platform tells the extensions of something that the platform did.
func (in *instance) platform(typ string, record map[string]any) {
	if in.extensions != nil {
		in.extensions.Platform(typ, record)
	}
}

// initialised waits until the extensions are ready too, and tells them of what
// the initialisation came to.
func (in *instance) initialised(ctx context.Context, began time.Time) error {
	if in.extensions == nil {
		return nil
	}
	v := in.shelf.version
	about := func(more map[string]any) map[string]any {
		more["initializationType"] = cmp.Or(in.initType(), "on-demand")
		more["phase"] = "init"
		return more
	}
	in.platform("platform.initStart", about(map[string]any{"functionName": v.Name, "functionVersion": v.Qualifier(),
		"runtimeVersion": v.Runtime, "instanceMaxMemory": int64(v.MemoryMB) << 20}))
	in.platform("platform.initRuntimeDone", about(map[string]any{"status": "success"}))
	err := in.awaitExtensions(ctx, in.extensions.Ready)
	in.platform("platform.initReport", about(map[string]any{"status": "success",
		"metrics": map[string]any{"durationMs": milliseconds(time.Since(began))}}))
	if err == nil && len(in.externals) > 0 {
		go in.attendExtensions()
	}
	return err
}

// before tells the extensions, if there are any, of an invocation that is about to
// be handed over.
func (in *instance) before(c *runtimeapi.Call) {
	if in.extensions == nil || !in.extensions.Any() {
		return
	}
	in.platform("platform.start", map[string]any{"requestId": c.ID, "version": in.shelf.version.Qualifier()})
	in.extensions.Begin(c)
}

// after waits until the extensions have seen to the invocation. If they do not
// in its time, or fail, the instance is of no more use.
func (in *instance) after(c *runtimeapi.Call, o *Outcome, began time.Time) {
	if in.extensions == nil || !in.extensions.Any() {
		return
	}
	status := "success"
	switch {
	case o.ErrorType == ebb.ErrorTimeout:
		status = "timeout"
	case o.FunctionError != "":
		status = "error"
	}
	duration := milliseconds(time.Since(began))
	in.platform("platform.runtimeDone", map[string]any{"requestId": c.ID, "status": status,
		"metrics": map[string]any{"durationMs": duration, "producedBytes": o.Size}})
	if !in.spoiling() {
		ctx, cancel := context.WithDeadline(in.pool.lifetime, c.Deadline)
		defer cancel()
		if failure, err := in.extensions.End(ctx); failure != nil || err != nil {
			in.late.Store(err != nil)
			in.spoil()
		}
	}
	memory := in.memory.now(in.box)
	in.platform("platform.report", map[string]any{"requestId": c.ID, "status": status, "metrics": map[string]any{
		"durationMs": duration, "billedDurationMs": math.Ceil(duration), "memorySizeMB": in.shelf.version.MemoryMB,
		"maxMemoryUsedMB": (memory + 1<<20 - 1) >> 20}})
}

// spoiling reports whether the instance is of no more use already.
func (in *instance) spoiling() bool {
	in.pool.mu.Lock()
	defer in.pool.mu.Unlock()
	return in.spoilt
}

func milliseconds(d time.Duration) float64 { return math.Round(d.Seconds()*1e6) / 1e3 }
