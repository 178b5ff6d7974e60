package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const limit = 30 * time.Second

// tap is a kind whose source does what the test says.
type tap struct {
	runs atomic.Int32 // now
	gone atomic.Bool  // the targets of triggers
	fail chan error   // ends a source
	up   chan string  // names of triggers whose source began
}

func (k *tap) Check(_ context.Context, t *ebb.Trigger) (json.RawMessage, error) {
	if string(t.Settings) == `"bad"` {
		return nil, errors.New("bad")
	}
	return t.Settings, nil
}

func (k *tap) Set(*store.Tx, *ebb.Trigger, *ebb.Trigger) error { return nil }

func (k *tap) Sample(context.Context, *ebb.Trigger) ([]byte, error) { return []byte(`{}`), nil }

func (k *tap) Source(t *ebb.Trigger) Source { return &source{k, t} }

type source struct {
	*tap
	t *ebb.Trigger
}

func (s *source) Run(ctx context.Context, up func()) error {
	if s.runs.Add(1) > 1 {
		return errors.New("two at once")
	}
	defer s.runs.Add(-1)
	select {
	case s.up <- s.t.Name: // until the test takes it, what failed before stands in the state
	case <-ctx.Done():
		return ctx.Err()
	}
	up()
	select {
	case err := <-s.fail:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func open(t *testing.T) (*Triggers, *tap) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "ebb.db"), Twice: true})
	if err != nil {
		t.Fatal(err)
	}
	k := &tap{fail: make(chan error), up: make(chan string)}
	g := New(Config{}, Deps{Store: s, Log: slog.New(slog.DiscardHandler), CheckTarget: func(_ context.Context, _ ebb.ServiceID, target string) error {
		if target == "none" || k.gone.Load() {
			return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Function not found: none")
		}
		return nil
	}}, map[ebb.TriggerKind]Kind{ebb.TriggerDirectory: k})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Error(err)
		}
	})
	return g, k
}

func (k *tap) began(t *testing.T) string {
	t.Helper()
	select {
	case name := <-k.up:
		return name
	case <-time.After(limit):
		t.Fatal("no source began")
		return ""
	}
}

func sample(name string) ebb.Trigger {
	return ebb.Trigger{TriggerKey: ebb.TriggerKey{Service: ebb.DefaultService, Name: name}, Kind: ebb.TriggerDirectory, Target: "f", Settings: json.RawMessage(`{}`)}
}

// TestSource: a source runs while its trigger is there and not paused, one at a
// time, and again when it fails; why it failed can be read until it works.
func TestSource(t *testing.T) {
	g, k := open(t)
	tr, err := g.Create(t.Context(), sample("t"))
	if err != nil {
		t.Fatal(err)
	}
	state := func(want string) {
		t.Helper()
		for end := time.Now().Add(limit); ; {
			s, err := g.State(t.Context(), tr)
			if err != nil {
				t.Fatal(err)
			}
			if s.Error == want {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("the state says %q, want %q", s.Error, want)
			}
		}
	}
	k.began(t)
	k.fail <- errors.New("broker gone")
	state("broker gone")
	k.began(t)
	state("")
	if _, err := g.Update(t.Context(), sample("t"), tr.Revision); err != nil {
		t.Fatal(err)
	}
	k.began(t)
	k.fail <- errors.New("broker gone again")
	state("broker gone again")
	if _, err := g.Pause(t.Context(), tr.TriggerKey); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(limit); k.runs.Load() != 0; {
		if time.Now().After(end) {
			t.Fatal("a paused trigger's source runs")
		}
	}
	if _, err := g.Resume(t.Context(), tr.TriggerKey); err != nil {
		t.Fatal(err)
	}
	k.began(t)
	state("") // what a run before it had written
	if err := g.Delete(t.Context(), tr.TriggerKey); err != nil {
		t.Fatal(err)
	}
	if err := g.Delete(t.Context(), tr.TriggerKey); ebb.KindOf(err) != ebb.NotFound {
		t.Errorf("twice: %v", err)
	}
}

// TestPauseWithoutTarget: a trigger whose target is gone can be paused, and goes on
// when the target is back.
func TestPauseWithoutTarget(t *testing.T) {
	g, k := open(t)
	tr, err := g.Create(t.Context(), sample("t"))
	if err != nil {
		t.Fatal(err)
	}
	k.began(t)
	k.gone.Store(true)
	paused, err := g.Pause(t.Context(), tr.TriggerKey)
	if err != nil || !paused.Paused || paused.Revision != tr.Revision+1 {
		t.Fatalf("paused: %+v, %v", paused, err)
	}
	if _, err := g.Resume(t.Context(), tr.TriggerKey); ebb.KindOf(err) != ebb.NotFound {
		t.Errorf("resumed without a target: %v", err)
	}
	k.gone.Store(false)
	if _, err := g.Resume(t.Context(), tr.TriggerKey); err != nil {
		t.Fatal(err)
	}
	k.began(t)
}

func TestCreateRefuses(t *testing.T) {
	g, _ := open(t)
	retries := 186
	for says, spoil := range map[string]func(*ebb.Trigger){
		"name: ":                    func(t *ebb.Trigger) { t.Name = "a b" },
		"kind: ":                    func(t *ebb.Trigger) { t.Kind = "pigeon" },
		"target: missing":           func(t *ebb.Trigger) { t.Target = "" },
		"target: Function not":      func(t *ebb.Trigger) { t.Target = "none" },
		"onFailure: Function not":   func(t *ebb.Trigger) { t.OnFailure = "none" },
		"filters[0]: a is an empty": func(t *ebb.Trigger) { t.Filters = []json.RawMessage{json.RawMessage(`{"a":[]}`)} },
		"filters: 11":               func(t *ebb.Trigger) { t.Filters = make([]json.RawMessage, 11) },
		"maxRetries: 186":           func(t *ebb.Trigger) { t.MaxRetries = &retries },
		"maxAge: 59":                func(t *ebb.Trigger) { t.MaxAgeS = 59 },
	} {
		tr := sample("t")
		spoil(&tr)
		if _, err := g.Create(t.Context(), tr); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	if ts, err := g.List(t.Context(), store.TriggerFilter{}, 9); err != nil || len(ts) != 0 {
		t.Errorf("refused, and there all the same: %v, %v", ts, err)
	}
}
