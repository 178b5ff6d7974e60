package deliver_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/postgrestest"
	"github.com/ebb-faas/ebb/internal/store/storetest"
)

// crasher, in the environment, makes this binary a process that accepts events
// and dies at the n-th time that it comes to a point: DIR,POINT,N,URL. Without
// URL the database is a file in DIR.
const crasher = "EBB_DELIVER_TEST_CRASHER"

// noted is a target that remembers.
type noted struct {
	mu    sync.Mutex
	got   map[ebb.InvocationID]int
	fails int    // how often it fails first
	file  string // where it notes it too, for another process
}

func (n *noted) Check(ebb.Target) error { return nil }
func (n *noted) Close() error           { return nil }
func (n *noted) Deliver(_ context.Context, _ ebb.Target, d *deliver.Delivery) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fails--; n.fails >= 0 {
		return errors.New("not now")
	}
	if n.got == nil {
		n.got = make(map[ebb.InvocationID]int)
	}
	n.got[d.Request]++
	if n.file == "" {
		return nil
	}
	f, err := os.OpenFile(n.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, d.Request)
	return errors.Join(err, f.Close())
}

func (n *noted) count(id ebb.InvocationID) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.got[id]
}

// soon is a configuration that tries again at once and keeps little in rows.
func soon() deliver.Config {
	return deliver.Config{RetryDelays: []time.Duration{time.Millisecond}, ThrottleDelay: time.Millisecond, Inline: 64}
}

// does is a function that fails where its event says so.
func does(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
	if bytes.Contains(inv.Payload, []byte("fail")) {
		return answers(sink, `{"errorMessage":"no"}`, "Error")
	}
	return answers(sink, `"`+strings.Repeat("long ", 40)+`"`, "")
}

// events are those that a crasher accepts, in order.
var events = []struct {
	id      ebb.MessageID
	payload string
	state   ebb.TaskState
}{
	{"ok", `"small"`, ebb.TaskSucceeded},
	{"fails", `"fail"`, ebb.TaskFailed},
	{"large", `"` + strings.Repeat("x", 200) + `"`, ebb.TaskSucceeded},
	{"large-fails", `"fail ` + strings.Repeat("x", 200) + `"`, ebb.TaskFailed},
}

// alone is how a queue works in a database: which other processes may have too, or not.
func alone(db store.Config) queue.Config {
	if db.URL == "" {
		return queue.Config{Exclusive: true}
	}
	return queue.Config{Visibility: time.Second, Rescan: 20 * time.Millisecond}
}

func crash(what string) error {
	part := strings.SplitN(what, ",", 4)
	dir, point := part[0], part[1]
	left, err := strconv.Atoi(part[2])
	if err != nil {
		return err
	}
	db := fileIn(dir)
	if part[3] != "" {
		db = store.Config{URL: part[3], Twice: true}
	}
	var mu sync.Mutex
	q := alone(db)
	q.Failpoint = func(at string) {
		mu.Lock()
		defer mu.Unlock()
		if at != point {
			return
		}
		if left--; left == 0 {
			os.Exit(9)
		}
	}
	b, err := openBed(dir, db, soon(), q, map[ebb.TargetKind]deliver.Target{ebb.TargetHTTP: &noted{fails: 2, file: filepath.Join(dir, "delivered")}})
	if err != nil {
		return err
	}
	b.runs(does)
	for _, e := range events {
		inv := &ebb.Invocation{ID: ebb.InvocationID("request-" + e.id), FunctionKey: b.key, Payload: []byte(e.payload)}
		if err := b.Accept(context.Background(), inv, e.id); err != nil {
			return err
		}
		fmt.Println(e.id) // it has been accepted
	}
	for {
		over := true
		for _, e := range events {
			t, err := b.Task(context.Background(), service, e.id)
			over = over && err == nil && t.State == e.state
		}
		ds, err := b.queue.Depths(context.Background())
		if over && err == nil && len(ds) == 0 {
			return b.stop()
		}
		<-time.After(time.Millisecond)
	}
}

// points are where a process may end between two writes of an event's way.
var points = []string{"enqueued", "claimed", "handled", "settled"}

// TestCrashBetweenWrites ends the process between every two writes of an event's
// way, once for each time that it comes there: whatever was accepted ends, once,
// as it should, and its record is delivered.
func TestCrashBetweenWrites(t *testing.T) {
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			t.Run("sqlite", func(t *testing.T) {
				origin := t.TempDir()
				prepare(t, origin, fileIn(origin))
				crashesAt(t, point, func() (string, store.Config) {
					dir := filepath.Join(t.TempDir(), "copy")
					if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
						t.Fatal(err)
					}
					return dir, fileIn(dir)
				})
			})
			t.Run("postgres", func(t *testing.T) {
				t.Parallel() // most of the time it waits for the leases of the dead
				db := store.Config{URL: postgrestest.Migrated(t), Twice: true}
				prepare(t, t.TempDir(), db)
				crashesAt(t, point, func() (string, store.Config) {
					empty(t, db)
					return t.TempDir(), db
				})
			})
		})
	}
}

// crashesAt ends processes at a point, each on a new folder and database.
func crashesAt(t *testing.T, point string, anew func() (string, store.Config)) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	crashes := 0
	for n := 1; n < 60; n++ {
		dir, db := anew()
		cmd := exec.CommandContext(t.Context(), exe)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s,%s,%d,%s", crasher, dir, point, n, db.URL))
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		if err == nil {
			break // it does not come there so often
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 9 {
			t.Fatalf("%s %d: %v %s", point, n, err, &errs)
		}
		crashes++
		recovers(t, dir, db, &out, fmt.Sprintf("%s %d", point, n))
	}
	t.Log(crashes, "crashes")
	if crashes < 2 {
		t.Errorf("%d crashes at %q: the test is not what it says", crashes, point)
	}
}

// empty removes the messages that earlier processes came to the end of.
func empty(t *testing.T, db store.Config) {
	t.Helper()
	s, err := store.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Must(t, s, func(tx *store.Tx) error {
		_, err := tx.RemoveEnded(time.Now().AddDate(1, 0, 0), 1000)
		return err
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// prepare makes a database with a function whose records go to destinations.
func prepare(t *testing.T, dir string, db store.Config) {
	t.Helper()
	b, err := openBed(dir, db, soon(), queue.Config{}, map[ebb.TargetKind]deliver.Target{ebb.TargetHTTP: &noted{}})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Must(t, b.store, func(tx *store.Tx) error { return storetest.Insert(tx, "f") })
	to := "arn:aws:http:::https://example.invalid/"
	if _, err := b.functions.PutEvents(t.Context(), function.UpdateEvents{FunctionKey: b.key, MaxRetries: new(1), OnSuccess: &to, OnFailure: &to}); err != nil {
		t.Fatal(err)
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
}

// recovers starts anew on what a crasher left.
func recovers(t *testing.T, dir string, db store.Config, accepted *bytes.Buffer, when string) {
	t.Helper()
	target := &noted{file: filepath.Join(dir, "delivered")}
	b, err := openBed(dir, db, soon(), alone(db), map[ebb.TargetKind]deliver.Target{ebb.TargetHTTP: target})
	if err != nil {
		t.Fatal(err)
	}
	b.runs(does)
	sure := map[ebb.MessageID]bool{}
	for lines := bufio.NewScanner(accepted); lines.Scan(); {
		sure[ebb.MessageID(lines.Text())] = true
	}
	for _, e := range events {
		if !sure[e.id] {
			if _, err := b.Task(t.Context(), service, e.id); ebb.KindOf(err) == ebb.NotFound {
				continue // nobody was told that it was accepted
			}
		}
		task := b.becomes(t, e.id, e.state)
		if e.state == ebb.TaskSucceeded && len(task.Result) < 100 {
			t.Errorf("%s: %s has the result %q", when, e.id, task.Result)
		}
	}
	eventually(t, func() error {
		ds, err := b.queue.Depths(t.Context())
		if err == nil && len(ds) > 0 {
			err = fmt.Errorf("%s: still there: %+v", when, ds)
		}
		return err
	})
	// What one process delivered the other need not have, but one of them must.
	delivered, err := os.ReadFile(target.file)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		request := "request-" + string(e.id)
		if n := target.count(ebb.InvocationID(request)); n > 1 {
			t.Errorf("%s: the record of %s was delivered %d times by one process", when, e.id, n)
		}
		if _, err := b.Task(t.Context(), service, e.id); err == nil && !slices.Contains(strings.Fields(string(delivered)), request) {
			t.Errorf("%s: the record of %s was not delivered", when, e.id)
		}
	}
	// Payloads that nothing names any more are collected, those of dead letters stay.
	keep, err := b.PayloadsInUse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.packages.CollectPayloads(t.Context(), keep, -time.Hour); err != nil {
		t.Fatal(err)
	}
	have, err := b.packages.Payloads()
	if err != nil || len(have) != len(keep) {
		t.Errorf("%s: %d payloads, %d in use: %v", when, len(have), len(keep), err)
	}
	if err := b.stop(); err != nil {
		t.Error(err)
	}
}
