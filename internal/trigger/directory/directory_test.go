package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const limit = 60 * time.Second

// rig is the kind over a real store and a real folder. What it hands over stands in
// the database.
type rig struct {
	*Kind
	t   *testing.T
	s   *store.Store
	dir string // of the trigger

	mu   sync.Mutex
	sent int64
	last string
	how  Outcome
	fail error
}

func open(t *testing.T) *rig {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "ebb.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, s: s, dir: filepath.Join(base, "drop")}
	if err := os.Mkdir(r.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r.Kind = New(Deps{
		Store: s, Log: slog.New(slog.DiscardHandler), Region: "us-east-1", Allowed: []ebb.DirectoryOffer{{Path: base, Services: []string{"*"}}},
		Send: r.send,
		Outcome: func(context.Context, *ebb.Trigger, ebb.MessageID) (Outcome, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.how, nil
		},
	})
	return r
}

// send has a file counted in the Tx.
func (r *rig) send(_ context.Context, _ *ebb.Trigger, id ebb.MessageID, event []byte) (func(*store.Tx) error, error) {
	var doc struct{ Records []record }
	if err := json.Unmarshal(event, &doc); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = string(event)
	r.sent++ // so that a file that is told twice is there twice
	at := time.UnixMilli(r.sent)
	name := doc.Records[0].Ebb.Name
	return func(tx *store.Tx) error {
		e := &store.HeldEvent{ID: id + ebb.MessageID("/"+name), At: at, Event: name}
		return tx.HoldEvent("id-t", e)
	}, r.fail
}

// told are the files that were handed over, in order of their names, as often as
// they were.
func (r *rig) told() (names []string) {
	r.t.Helper()
	err := r.s.Read(r.t.Context(), func(tx *store.Tx) error {
		names = nil
		es, err := tx.HeldEvents("id-t", 100_000)
		for _, e := range es {
			names = append(names, e.Event)
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func (r *rig) await(want ...string) {
	r.t.Helper()
	r.until(fmt.Sprint("the files ", want), func() bool { return slices.Equal(r.told(), want) })
}

func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(limit); !ok(); {
		if time.Now().After(end) {
			r.t.Fatalf("not so: %s; told %.500v", what, r.told())
		}
		<-time.After(5 * time.Millisecond)
	}
}

func (r *rig) check(settings string) (*ebb.Trigger, error) {
	t := &ebb.Trigger{TriggerKey: ebb.TriggerKey{Service: ebb.DefaultService, Name: "t"}, ID: "id-t", Kind: ebb.TriggerDirectory,
		Target: "f", Revision: 1, Settings: json.RawMessage(strings.ReplaceAll(settings, "DIR", r.dir))}
	var err error
	t.Settings, err = r.Check(r.t.Context(), t)
	return t, err
}

// begin makes the trigger and runs its source until what it returns is called.
func (r *rig) begin(settings string) (stop func()) {
	r.t.Helper()
	t, err := r.check(settings)
	if err != nil {
		r.t.Fatal(err)
	}
	err = r.s.Tx(r.t.Context(), func(tx *store.Tx) error {
		if err := tx.InsertTrigger(t); err != nil {
			return err
		}
		return r.Set(tx, nil, t)
	})
	if err != nil && !errors.Is(err, store.ErrExists) { // begun again
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	up, done := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		done <- r.Source(t).Run(ctx, func() {
			select {
			case up <- struct{}{}:
			default:
			}
		})
	}()
	select {
	case <-up:
	case err := <-done:
		r.t.Fatal(err)
	case <-time.After(limit):
		r.t.Fatal("the source does not come up")
	}
	return func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			r.t.Error(err)
		}
	}
}

func (r *rig) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		r.t.Fatal(err)
	}
}

// drop writes a file under another name and renames it.
func (r *rig) drop(name, text string) {
	r.t.Helper()
	r.write(name+".part", text)
	if err := os.Rename(filepath.Join(r.dir, name+".part"), filepath.Join(r.dir, name)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) there(name string) bool {
	_, err := os.Lstat(filepath.Join(r.dir, name))
	return err == nil
}

const rename = `{"path":"DIR","complete":"rename","every":3600}`

// TestRename: a file is told when it has its name, at once and once; those being
// written, hidden or linked are not.
func TestRename(t *testing.T) {
	r := open(t)
	r.drop("before.csv", "x")
	outside := filepath.Join(t.TempDir(), "secret")
	if err := errors.Join(os.WriteFile(outside, []byte("x"), 0o600), os.Symlink(outside, filepath.Join(r.dir, "link.csv"))); err != nil {
		t.Fatal(err)
	}
	stop := r.begin(rename)
	defer stop()
	r.await("before.csv")
	r.write(".hidden", "x")
	r.write("half.part", "x")
	r.write("sub/deep.csv", "x")
	r.drop("a b.csv", "hello")
	r.await("a b.csv", "before.csv")
	r.mu.Lock()
	last := r.last
	r.mu.Unlock()
	for _, want := range []string{`"eventSource":"ebb:directory"`, `"eventName":"ObjectCreated:Put"`, `"key":"a+b.csv"`, `"size":5`, `"name":"` + r.dir + `"`,
		`"path":"` + r.dir + `/a b.csv"`, `"name":"a b.csv"`} {
		if !strings.Contains(last, want) {
			t.Errorf("no %s in %s", want, last)
		}
	}
	r.drop("a b.csv", "another") // another file of that name
	r.await("a b.csv", "a b.csv", "before.csv")
}

// TestMarker: a file is told when its marker is there.
func TestMarker(t *testing.T) {
	r := open(t)
	defer r.begin(`{"path":"DIR","complete":"marker","marker":".done","after":"delete","every":3600}`)()
	r.write("a.csv", "x")
	r.drop("b.csv", "x")
	r.write("b.csv.done", "")
	r.await("b.csv")
	r.write("a.csv.done", "")
	r.await("a.csv", "b.csv")
	r.mu.Lock()
	r.how = Succeeded
	r.mu.Unlock()
	r.until("files and markers are removed", func() bool { return !r.there("a.csv") && !r.there("a.csv.done") && !r.there("b.csv.done") })
}

// TestStable: a file is told when it has not changed for a while, and not before.
func TestStable(t *testing.T) {
	r := open(t)
	defer r.begin(`{"path":"DIR","stableFor":1,"every":3600}`)()
	for n := range 20 {
		name := fmt.Sprintf("%02d.csv", n)
		last, grew := r.grow(t, name)
		r.until(name+" is told", func() bool { return slices.Contains(r.told(), name) })
		if !grew {
			continue
		}
		if took := time.Since(last); took < time.Second {
			t.Errorf("told after %v", took)
		}
		return
	}
	t.Error("this machine is too busy to have a file grow in each second")
}

// grow has a file grow for longer than it must be stable, during which it must not be
// told, and says when it grew last. On a busy machine it may stand still for a second:
// then it was rightly told, and did not grow.
func (r *rig) grow(t *testing.T, name string) (last time.Time, grew bool) {
	t.Helper()
	paused := time.Duration(0)
	last = time.Now()
	for i := range 6 {
		begun := time.Now()
		r.write(name, strings.Repeat("x", i+1))
		paused, last = max(paused, time.Since(last)), begun
		<-time.After(300 * time.Millisecond)
		told := r.told()
		if paused = max(paused, time.Since(last)); paused >= time.Second {
			return last, false
		}
		if slices.Contains(told, name) {
			t.Fatalf("told while it grew: %v", told)
		}
	}
	return last, true
}

// TestRules: folders within, prefix, suffix and pattern.
func TestRules(t *testing.T) {
	r := open(t)
	for _, name := range []string{"in/2026/x-1.csv", "in/x-2.csv", "in/y-3.csv", "in/x-4.txt", "out/x-5.csv", "in/.hidden/x-6.csv", "in/done/x-7.csv"} {
		r.drop(name, "x")
	}
	defer r.begin(`{"path":"DIR","complete":"rename","recursive":true,"prefix":"in/","suffix":".csv","glob":"x-*","after":"archive","archive":"in/done","every":3600}`)()
	r.await("in/2026/x-1.csv", "in/x-2.csv")
	r.drop("in/new/deeper/x-8.csv", "x") // of folders that were not there
	r.await("in/2026/x-1.csv", "in/new/deeper/x-8.csv", "in/x-2.csv")
}

// TestAfter: what becomes of files whose tasks are over.
func TestAfter(t *testing.T) {
	r := open(t)
	defer r.begin(`{"path":"DIR","complete":"rename","after":"archive","archive":"done","failed":"error","every":3600}`)()
	r.drop("a.csv", "1")
	r.write("done/a.csv", "an earlier one")
	r.await("a.csv")
	r.mu.Lock()
	r.how = Succeeded
	r.mu.Unlock()
	r.until("the file is archived", func() bool { return !r.there("a.csv") })
	moved, err := filepath.Glob(filepath.Join(r.dir, "done", "a.csv*"))
	if err != nil || len(moved) != 2 {
		t.Fatalf("archived: %v, %v", moved, err)
	}
	if text, err := os.ReadFile(filepath.Join(r.dir, "done", "a.csv")); err != nil || string(text) != "an earlier one" {
		t.Errorf("what was in the archive is %q, %v", text, err)
	}
	r.mu.Lock()
	r.how = Failed
	r.mu.Unlock()
	r.drop("b.csv", "1")
	r.until("the file is with those that failed", func() bool { return r.there("error/b.csv") && !r.there("b.csv") })
}

// TestRestart: what came while nobody looked is told, and nothing twice; a target
// that is not there loses nothing.
func TestRestart(t *testing.T) {
	r := open(t)
	stop := r.begin(rename)
	r.drop("a.csv", "x")
	r.await("a.csv")
	stop()
	r.drop("b.csv", "x")
	stop = r.begin(rename)
	r.await("a.csv", "b.csv")
	stop()
	r.fail = ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Function not found: f")
	r.drop("c.csv", "x")
	tr, err := r.check(rename)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Source(tr).Run(t.Context(), func() {}); err == nil || !strings.Contains(err.Error(), "target") {
		t.Errorf("a target that is not there: %v", err)
	}
	r.fail = nil
	stop = r.begin(rename)
	r.await("a.csv", "b.csv", "c.csv")
	stop()
}

// TestTenThousand: 10,000 files that are dropped at once are each told once.
func TestTenThousand(t *testing.T) {
	r := open(t)
	defer r.begin(`{"path":"DIR","complete":"rename","every":1}`)()
	const n = 10_000
	var want []string
	for i := range n {
		name := fmt.Sprintf("%05d.csv", i)
		want = append(want, name)
		r.drop(name, "x")
	}
	r.until("all files", func() bool { return len(r.told()) >= n })
	r.await(want...)
}

func TestCheckRefuses(t *testing.T) {
	r := open(t)
	for settings, says := range map[string]string{
		`{}`:                                "directory.path",
		`{"path":"/etc"}`:                   "no folder that this node offers",
		`{"path":"DIR/../../x"}`:            "directory.path",
		`{"path":"DIR/none"}`:               "directory.path",
		`{"path":"DIR","colour":1}`:         "unknown field",
		`{"path":"DIR","complete":"maybe"}`: "directory.complete",
		`{"path":"DIR","glob":"["}`:         "directory.glob",
		`{"path":"DIR","marker":".ok"}`:     "directory.marker",
		`{"path":"DIR","after":"archive"}`:  "directory.archive",
		`{"path":"DIR","failed":"../x"}`:    "directory.failed",
		`{"path":"DIR","every":-1}`:         "directory.every",
		`{"path":"DIR","stableFor":99999}`:  "directory.stableFor",
		`{"path":"DIR","archive":"a","failed":"a","after":"archive"}`: "directory.failed",
	} {
		if _, err := r.check(settings); ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", settings, err, says)
		}
	}
	// A link that leads out of what is allowed leads nowhere.
	if err := os.Symlink("/etc", filepath.Join(r.dir, "out")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.check(`{"path":"DIR/out"}`); ebb.KindOf(err) != ebb.Invalid {
		t.Errorf("a link out: %v", err)
	}
	r.deps.Allowed[0].ReadOnly = true
	if _, err := r.check(`{"path":"DIR","after":"delete"}`); err == nil || !strings.Contains(err.Error(), "reading only") {
		t.Errorf("read-only: %v", err)
	}
	r.deps.Allowed[0].Services = []string{"111122223333"}
	if _, err := r.check(`{"path":"DIR"}`); err == nil {
		t.Error("another service's folder was taken")
	}
}

func TestOverlap(t *testing.T) {
	r := open(t)
	r.begin(`{"path":"DIR","suffix":".csv"}`)()
	for settings, fine := range map[string]bool{`{"path":"DIR"}`: false, `{"path":"DIR","prefix":"in"}`: false, `{"path":"DIR","suffix":".txt"}`: true} {
		tr, err := r.check(settings)
		if err != nil {
			t.Fatal(err)
		}
		tr.ID, tr.Name = "other", "other"
		err = r.s.Tx(t.Context(), func(tx *store.Tx) error {
			if err := tx.InsertTrigger(tr); err != nil {
				return err
			}
			if err := r.Set(tx, nil, tr); err != nil {
				return err
			}
			return tx.DeleteTrigger(tr.ID)
		})
		if fine != (err == nil) || !fine && !strings.Contains(err.Error(), "trigger t,") {
			t.Errorf("%s: %v", settings, err)
		}
	}
}
