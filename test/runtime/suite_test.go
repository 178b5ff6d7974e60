// Package runtime_test is the contract of a runtime: one table of behaviours
// that every runtime found on this host must show, in every kind of box. A new
// runtime is done when it has functions in testdata and passes.
package runtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/process"
	"github.com/ebb-faas/ebb/runtimes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const arn = "arn:aws:lambda:us-east-1:000000000000:function:contract"

// family is testdata/FAMILY/suite.json: how the behaviours are reached in one
// language.
type family struct {
	Handler string            // of a behaviour
	Inits   map[string]string // handlers that cannot be initialised, and their error type
	Meets   []string          // functions that wait for each other, one of each kind of handler
	Perhaps []string          // functions that do as they are told, likewise
	Without []string          // behaviours that the language does not have
	Build   bool              // the code is a Go program to be compiled
	Javac   bool              // the code is Java to be compiled
	code    string            // directory
}

// kind is one way to make boxes.
type kind struct {
	name     string
	driver   sandbox.Driver
	isolated bool
	zygotes  *zygotes // what processes of this kind are copied from; nil: they are started
}

// has reports whether processes of r can be made in this way.
func (k *kind) has(r *runtimes.Runtime) bool {
	return k.zygotes == nil || r.ZygoteCommand() != nil
}

// zygotes are started when they are first wanted, one for each runtime.
type zygotes struct {
	mu  sync.Mutex
	all map[string]sandbox.Zygote
}

func (z *zygotes) of(ctx context.Context, d sandbox.Driver, r *runtimes.Runtime) (sandbox.Zygote, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	key := fmt.Sprint(r.Argv)
	if made := z.all[key]; made != nil {
		return made, nil
	}
	spec := sandbox.Spec{ID: fmt.Sprint("zygote-", len(z.all))}
	for _, m := range r.Mounts {
		spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: m.Source, Target: m.Target})
	}
	made, err := d.Zygote(ctx, spec, sandbox.Process{Argv: r.ZygoteCommand(), Env: append(slices.Clone(r.Env), "LANG=en_US.UTF-8"), Dir: "/"})
	if err == nil {
		z.all[key] = made
	}
	return made, err
}

// suite is what all tests of one run share.
type suite struct {
	catalog  *runtimes.Catalog
	families map[string]*family
	kinds    []kind
}

func newSuite(t testing.TB) *suite {
	t.Helper()
	dir := t.TempDir()
	catalog, err := runtimes.Load(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{catalog: catalog, families: make(map[string]*family)}
	paths, err := filepath.Glob("testdata/*/suite.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		f := &family{}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, f); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		name := filepath.Base(filepath.Dir(path))
		s.prepare(t, f, filepath.Dir(path))
		s.families[name] = f
	}
	log := slog.New(slog.NewTextHandler(testWriter{t}, nil))
	p, err := process.Open(t.Context(), process.Config{Dir: dir}, log)
	if err != nil {
		t.Fatal(err)
	}
	s.kinds = append(s.kinds, kind{name: "process", driver: p})
	if d := openLinux(t, dir, log); d != nil {
		s.kinds = append(s.kinds, kind{name: "linux", driver: d, isolated: true},
			kind{name: "zygote", driver: d, isolated: true, zygotes: &zygotes{all: make(map[string]sandbox.Zygote)}})
	}
	t.Cleanup(func() {
		for _, k := range s.kinds {
			if err := k.driver.Close(); err != nil && k.zygotes == nil { // that one's is closed
				t.Error(err)
			}
		}
	})
	return s
}

// prepare makes a directory as a deployed package's is: readable by every uid.
func (s *suite) prepare(t testing.TB, f *family, source string) {
	t.Helper()
	f.code = t.TempDir()
	if err := os.Chmod(filepath.Dir(f.code), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(f.code, 0o755); err != nil {
		t.Fatal(err)
	}
	if f.Javac {
		s.compileJava(t, f)
		return
	}
	if f.Build {
		if err := hosttest.Build("./test/runtime/"+source, filepath.Join(f.code, "bootstrap")); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := os.CopyFS(f.code, os.DirFS(source)); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
}

// distinct lists the runtimes to test: an interpreter once, whatever its names.
func (s *suite) distinct(t testing.TB) []*runtimes.Runtime {
	t.Helper()
	var all []*runtimes.Runtime
	seen := make(map[string]bool)
	for _, id := range s.catalog.IDs() {
		r, ok := s.catalog.Lookup(id)
		if !ok {
			t.Fatalf("%s is listed and not found", id)
		}
		if s.families[r.Family] == nil {
			t.Fatalf("%s: no testdata/%s/suite.json: the contract of the family is not tested", id, r.Family)
		}
		if key := fmt.Sprint(r.Argv, r.Version); !seen[key] {
			seen[key] = true
			all = append(all, r)
		}
	}
	return all
}

// primary reports whether r is the host's own choice of its family: only that
// one is taken through everything in every kind of box.
func (s *suite) primary(r *runtimes.Runtime) bool {
	for _, id := range s.catalog.IDs() {
		if o, _ := s.catalog.Lookup(id); o.Family == r.Family && !strings.ContainsAny(strings.TrimPrefix(id, r.Family), ".") {
			return slices.Equal(o.Argv, r.Argv)
		}
	}
	return true
}

// instance is a runtime process and the conversation with it, as pool keeps one.
type instance struct {
	t       testing.TB
	box     sandbox.Box
	session runtimeapi.Session
	output  sync.WaitGroup

	mu     sync.Mutex
	framed []entry  // lines that came as frames
	piped  []string // lines that came from the process's standard output
}

type entry struct {
	request ebb.InvocationID
	level   string
	text    string
}

type start struct {
	kind    kind
	runtime *runtimes.Runtime
	family  *family
	handler string
	code    string // instead of the family's
	env     map[string]string
	places  int // instance concurrency; 0 = 1
	opt     runtimeapi.Options
}

// launch starts an instance as pool does, up to but without Ready.
func launch(t testing.TB, st start) (*instance, runtimeapi.Init) {
	t.Helper()
	if st.code == "" {
		st.code = st.family.code
	}
	spec := sandbox.Spec{ID: boxID(), Limits: sandbox.Limits{MemoryMB: 256}}
	for _, m := range st.runtime.Mounts {
		spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: m.Source, Target: m.Target})
	}
	spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: st.code, Target: runtimeapi.TaskRoot})
	box, err := st.kind.driver.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	in := &instance{t: t, box: box}
	t.Cleanup(in.close)
	version := &ebb.Version{
		FunctionKey: ebb.FunctionKey{Service: ebb.DefaultService, Name: "contract"},
		Runtime:     st.runtime.ID, Handler: st.handler, MemoryMB: 256, Env: map[string]string{"MINE": "it's mine"},
	}
	maps.Copy(version.Env, st.env)
	framed := st.runtime.Protocol == runtimes.Framed
	opt := runtimeapi.EnvOptions{
		Region: "us-east-1", LogStream: "the-stream", Endpoint: "http://" + box.Endpoint().Addr().String(),
		TaskRoot: box.Path(runtimeapi.TaskRoot), RuntimeDir: box.Path(runtimeapi.RuntimeDir), Runtime: st.runtime.Env,
	}
	st.opt.Log = in.log
	if !framed {
		opt.RuntimeAPI = box.RuntimeAPI().Addr().String()
		in.session = runtimeapi.NewHTTP(box.RuntimeAPI(), st.opt)
	}
	env := runtimeapi.Env(version, opt)
	if st.kind.zygotes != nil {
		var z sandbox.Zygote
		if z, err = st.kind.zygotes.of(t.Context(), st.kind.driver, st.runtime); err == nil {
			err = box.Fork(t.Context(), z, "/tmp")
		}
	} else {
		err = box.Start(t.Context(), sandbox.Process{
			Argv: st.runtime.Command(256, box.Path), Env: runtimeapi.EnvList(env), Dir: box.Path(runtimeapi.TaskRoot), Framed: framed,
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	if framed {
		in.session = runtimeapi.NewFramed(box.Conn(), st.opt)
	} else {
		in.output.Go(func() { <-box.Done(); _ = in.session.Close() })
	}
	in.output.Go(in.read)
	return in, runtimeapi.Init{Handler: st.handler, TaskRoot: env["LAMBDA_TASK_ROOT"], ARN: arn, Env: env, Concurrency: st.places}
}

// up starts an instance and brings it to Ready.
func up(t testing.TB, st start) *instance {
	t.Helper()
	in, init := launch(t, st)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	failure, err := in.session.Ready(ctx, init)
	if err != nil || failure != nil {
		in.close()
		t.Fatalf("Ready: %+v, %v, exit %+v, lines %q %q", failure, err, in.box.Exit(), in.framed, in.piped)
	}
	return in
}

func (in *instance) log(request ebb.InvocationID, level string, line []byte) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.framed = append(in.framed, entry{request, level, string(line)})
}

func (in *instance) read() {
	file := in.box.Output()
	if file == nil {
		return
	}
	defer func() { _ = file.Close() }()
	var rest []byte
	buf := make([]byte, 4096)
	for {
		n, err := file.Read(buf)
		rest = append(rest, buf[:n]...)
		lines := strings.Split(string(rest), "\n")
		in.mu.Lock()
		in.piped = append(in.piped, lines[:len(lines)-1]...)
		rest = []byte(lines[len(lines)-1])
		if err != nil && len(rest) > 0 {
			in.piped = append(in.piped, string(rest))
		}
		in.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (in *instance) close() {
	in.box.Destroy()
	_ = in.session.Close() // a conversation that ended by itself tells so again
	in.output.Wait()
}

// answer is a sink that keeps what it was given.
type answer struct {
	runtimeapi.Outcome
	head   ebb.Head
	body   []byte
	pieces int
}

func (a *answer) Head(h ebb.Head) error { a.head = h; return nil }
func (a *answer) Write(b []byte) (int, error) {
	a.body = append(a.body, b...)
	a.pieces++
	return len(b), nil
}

func (in *instance) try(c runtimeapi.Call) (*answer, error) {
	if c.ARN == "" {
		c.ARN = arn
	}
	if c.Deadline.IsZero() {
		c.Deadline = time.Now().Add(30 * time.Second)
	}
	a := &answer{}
	var err error
	a.Outcome, err = in.session.Invoke(context.Background(), &c, a)
	return a, err
}

// invoke is try for what must not fail.
func (in *instance) invoke(id string, payload string) *answer {
	in.t.Helper()
	a, err := in.try(runtimeapi.Call{ID: ebb.InvocationID(id), Payload: []byte(payload)})
	if err != nil {
		in.close()
		in.t.Fatalf("Invoke: %v, exit %+v, lines %q %q", err, in.box.Exit(), in.framed, in.piped)
	}
	return a
}

// lines returns the function's output once there are n lines of it, wherever
// they came from. A line that came as a frame must carry the request.
func (in *instance) lines(request ebb.InvocationID, n int) []string {
	in.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		in.mu.Lock()
		var all []string
		for _, e := range in.framed {
			if e.request != request {
				in.t.Errorf("line %q is of request %q, not %q", e.text, e.request, request)
			}
			all = append(all, e.text)
		}
		all = append(all, in.piped...)
		in.mu.Unlock()
		if len(all) >= n || time.Now().After(deadline) {
			return all
		}
		<-time.After(5 * time.Millisecond) // another process's output: there is nothing to wait on
	}
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) { w.t.Logf("%s", b); return len(b), nil }
