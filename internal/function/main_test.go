package function_test

import (
	"archive/zip"
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/runtimes"
)

const role = "arn:aws:iam::000000000000:role/service-role/runner"

// catalog is what this host has, probed once for all tests.
var catalog = sync.OnceValues(func() (*runtimes.Catalog, error) {
	dir, err := os.MkdirTemp("", "ebb-function-test")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	return runtimes.Load(context.Background(), dir)
})

func TestMain(m *testing.M) {
	// Every step of the model is a synced commit: fewer sequences than rapid's
	// 100 unless somebody asks for more.
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := f.Value.Set("25"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// fixture is a Functions with everything real below it.
type fixture struct {
	*function.Functions
	t        testing.TB
	store    *store.Store
	packages *artifact.Store
	framed   string // a runtime that needs a handler
	http     string // one that does not

	mu      sync.Mutex
	clock   time.Time
	changes []ebb.FunctionKey
}

func open(t testing.TB, cfg function.Config) *fixture {
	t.Helper()
	return openWith(t, cfg, artifact.Config{})
}

// openWith is open with limits of packages.
func openWith(t testing.TB, cfg function.Config, packages artifact.Config) *fixture {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "ebb.db"), Twice: !isBenchmark(t)})
	if err != nil {
		t.Fatal(err)
	}
	packages.Dir = filepath.Join(dir, "artifact")
	p, err := artifact.Open(packages)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	rs, err := catalog()
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, store: s, packages: p, clock: time.UnixMilli(1_790_000_000_000).UTC()}
	for _, id := range rs.IDs() {
		r, _ := rs.Lookup(id)
		if r.Protocol == runtimes.HTTP && f.http == "" {
			f.http = id
		}
		if r.Protocol == runtimes.Framed && f.framed == "" {
			f.framed = id
		}
	}
	if f.http == "" || f.framed == "" {
		hosttest.Lacks(t, "this host lacks an interpreter; it has %v", rs.IDs())
	}
	// Every look at the clock is a later one, by a bit more than is kept.
	cfg.Now = func() time.Time {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.clock = f.clock.Add(1500 * time.Microsecond)
		return f.clock
	}
	f.Functions = function.New(cfg, s, p, rs)
	f.OnChange(func(key ebb.FunctionKey) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.changes = append(f.changes, key)
	})
	return f
}

// told returns the changes told of since it was last asked.
func (f *fixture) told() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for _, k := range f.changes {
		names = append(names, k.Name)
	}
	f.changes = nil
	return names
}

func key(name string) ebb.FunctionKey {
	return ebb.FunctionKey{Service: ebb.DefaultService, Name: name}
}

// zipped is a package whose content, and so digest, depends on text.
func zipped(text string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("app.py")
	if err == nil {
		_, err = f.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err)
	}
	return b.Bytes()
}

func (f *fixture) create(name string) function.Create {
	return function.Create{
		FunctionKey: key(name), Runtime: f.framed, Handler: "app.handler", Role: role, Zip: zipped("first"),
	}
}

func (f *fixture) mustCreate(name string) *ebb.Version {
	f.t.Helper()
	v, err := f.Create(f.t.Context(), f.create(name))
	return must(f.t, v, err)
}

func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func same(t testing.TB, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("differs (-want +got):\n%s", d)
	}
}

// refused checks an error's kind, type and that its message names what it should.
func refused(t testing.TB, err error, kind ebb.Kind, typ, names string) {
	t.Helper()
	if err == nil || ebb.KindOf(err) != kind || ebb.TypeOf(err) != typ || !strings.Contains(err.Error(), names) {
		t.Fatalf("got %v (kind %d), want kind %d %s naming %q", err, ebb.KindOf(err), kind, typ, names)
	}
}

func notFound(t testing.TB, err error) {
	t.Helper()
	refused(t, err, ebb.NotFound, ebb.TypeResourceNotFound, "")
}

func ptr[T any](v T) *T { return &v }

func qualified(vs []*ebb.Version) (s []string) {
	for _, v := range vs {
		s = append(s, v.Name+":"+v.Qualifier())
	}
	return s
}

// walk follows the markers of a list and returns all items, page by page.
func walk[T any](t testing.TB, list func(marker string) ([]T, string, error)) (pages [][]T) {
	t.Helper()
	marker := ""
	for range 100 {
		items, next, err := list(marker)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, items)
		if next == "" {
			return pages
		}
		marker = next
	}
	t.Fatal("the list has no end")
	return nil
}

func flat[T any](pages [][]T) []T { return slices.Concat(pages...) }

var uuidRE = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func numbered(prefix string, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%s%03d", prefix, i))
	}
	return names
}

// must2 lets a call with two results stand in an expression.
func must2[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T { t.Helper(); return must(t, v, err) }
}

// noise does not compress.
func noise(n int) string {
	var b strings.Builder
	x := uint64(88172645463325252)
	for b.Len() < n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b.WriteByte(byte(x))
	}
	return b.String()
}

// isBenchmark: what runs a Tx's fn twice measures nothing.
func isBenchmark(t testing.TB) bool { _, is := t.(*testing.B); return is }
