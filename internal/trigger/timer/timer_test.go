package timer

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/schedule"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit is how long anything may take on a busy machine.
const limit = 30 * time.Second

// began is Friday, 20 November 2026, noon.
var began = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// sent is one delivery.
type sent struct {
	trigger string
	task    ebb.MessageID
	event   string
}

// bench is timers on a real database and a real queue, with a clock that is set.
type bench struct {
	t        *testing.T
	store    *store.Store
	triggers *trigger.Triggers
	kind     *Kind
	queue    *queue.Queue
	alone    bool

	ahead atomic.Int64 // of the real clock

	mu      sync.Mutex
	sent    []sent
	stopped []ebb.MessageID
	asked   []ebb.MessageID
	running map[ebb.MessageID]bool
	refuse  error
}

// open is a bench with one process, which has the database for itself.
func open(t *testing.T) *bench { return openFor(t, true) }

func openFor(t *testing.T, alone bool) *bench {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "ebb.db"), Twice: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bench{t: t, store: s, alone: alone, running: make(map[ebb.MessageID]bool)}
	b.set(began)
	b.triggers, b.kind, b.queue = b.node()
	return b
}

// node is one process on the bench's database; it runs until the test ends.
func (b *bench) node() (*trigger.Triggers, *Kind, *queue.Queue) { return b.nodeAt(b.now) }

// nodeAt is a process with a clock of its own.
func (b *bench) nodeAt(now func() time.Time) (*trigger.Triggers, *Kind, *queue.Queue) {
	log := slog.New(slog.DiscardHandler)
	var kind *Kind
	q := queue.New(queue.Config{Now: now, Exclusive: b.alone, Rescan: 50 * time.Millisecond, Queues: Queues()}, b.store, map[string]queue.Handler{
		Line: func(ctx context.Context, m *queue.Message) queue.Outcome { return kind.Fire(ctx, m) },
	}, log)
	kind = New(Deps{Store: b.store, Log: log, Region: "us-east-1", Now: now, Enqueue: q.Enqueue, Remove: q.Remove, Send: b.send,
		Running: func(_ context.Context, _ *ebb.Trigger, id ebb.MessageID) (bool, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.asked = append(b.asked, id)
			return b.running[id], nil
		},
		Stop: func(tx *store.Tx, _ *ebb.Trigger, id ebb.MessageID, _ string) error {
			tx.AfterCommit(func() {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.stopped = append(b.stopped, id)
			})
			return nil
		}})
	g := trigger.New(trigger.Config{Now: now}, trigger.Deps{Store: b.store, Log: log,
		CheckTarget: func(context.Context, ebb.ServiceID, string) error { return nil }}, map[ebb.TriggerKind]trigger.Kind{ebb.TriggerTimer: kind})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := q.Run(ctx); err != nil {
			b.t.Error(err)
		}
	}()
	b.t.Cleanup(func() { stop(); <-done })
	return g, kind, q
}

func (b *bench) now() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) }

// set puts the clock to at and has the queue look.
func (b *bench) set(at time.Time) {
	b.ahead.Store(int64(time.Until(at)))
	if b.queue != nil {
		b.queue.Wake(Line)
	}
}

func (b *bench) send(_ context.Context, t *ebb.Trigger, id ebb.MessageID, event []byte) (func(*store.Tx) error, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return nil, b.refuse
	}
	return func(tx *store.Tx) error {
		tx.AfterCommit(func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.sent = append(b.sent, sent{t.Name, id, string(event)})
		})
		return nil
	}, nil
}

func (b *bench) create(name string, s Settings) *ebb.Trigger {
	b.t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		b.t.Fatal(err)
	}
	t, err := b.triggers.Create(b.t.Context(), ebb.Trigger{TriggerKey: ebb.TriggerKey{Service: ebb.DefaultService, Name: name},
		Kind: ebb.TriggerTimer, Target: "arn:aws:lambda:us-east-1:000000000000:function:f", Settings: text})
	if err != nil {
		b.t.Fatal(err)
	}
	return t
}

// fires waits until the timer's fires are as told, the latest last: due time and
// outcome.
func (b *bench) fires(t *ebb.Trigger, want ...string) {
	b.t.Helper()
	var got []string
	for end := time.Now().Add(limit); time.Now().Before(end); {
		fs, err := b.triggers.Fires(b.t.Context(), t, began.AddDate(1, 0, 0), 100)
		if err != nil {
			b.t.Fatal(err)
		}
		got = nil
		for _, f := range slices.Backward(fs) {
			got = append(got, f.Due.Format("02T15:04 ")+f.Outcome)
		}
		if slices.Equal(got, want) {
			return
		}
		wait(b.t)
	}
	b.t.Fatalf("fires of %s:\ngot  %v\nwant %v", t.Name, got, want)
}

// state waits until ok says so of the trigger's state.
func (b *bench) state(t *ebb.Trigger, ok func(*ebb.TriggerState) bool) *ebb.TriggerState {
	b.t.Helper()
	var s *ebb.TriggerState
	for end := time.Now().Add(limit); time.Now().Before(end); wait(b.t) {
		var err error
		if s, err = b.triggers.State(b.t.Context(), t); err != nil {
			b.t.Fatal(err)
		}
		if ok(s) {
			return s
		}
	}
	b.t.Fatalf("state of %s: %+v", t.Name, s)
	return nil
}

// wait is the pause between two looks.
func wait(t *testing.T) {
	select {
	case <-t.Context().Done():
	case <-time.After(5 * time.Millisecond):
	}
}

// last waits until so many were sent, which is told just after the commit, and
// returns the last of those.
func (b *bench) last(count int) sent {
	b.t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); wait(b.t) {
		b.mu.Lock()
		all := slices.Clone(b.sent)
		b.mu.Unlock()
		if len(all) >= count {
			return all[count-1]
		}
	}
	b.t.Fatalf("not %d were sent", count)
	return sent{}
}

// TestFires: a timer fires when it is due, with the business date, and is due
// again.
func TestFires(t *testing.T) {
	b := open(t)
	err := b.kind.PutCalendar(t.Context(), Calendar{Name: "cn", CutOver: "17:00", Timezone: "Asia/Shanghai"})
	if err != nil {
		t.Fatal(err)
	}
	tr := b.create("nightly", Settings{Schedule: "cron(0 2 * * ? *)", Timezone: "Asia/Shanghai", Calendar: "cn", BusinessDay: -1})
	b.set(began.Add(6 * time.Hour)) // two in the morning of Saturday
	b.fires(tr, "20T18:00 fired")
	want := `{"version":"0","id":"` + string(taskID(tr, began.Add(6*time.Hour))) + `","detail-type":"Scheduled Event","source":"aws.events",` +
		`"account":"000000000000","time":"2026-11-20T18:00:00Z","region":"us-east-1","resources":["arn:aws:events:us-east-1:000000000000:rule/nightly"],` +
		`"detail":{"trigger":"nightly","schedule":"cron(0 2 * * ? *)","localTime":"2026-11-21T02:00:00+08:00","businessDate":"2026-11-20","calendar":"cn"}}`
	if got := b.last(1); got.event != want || !strings.HasPrefix(string(got.task), "nightly@20261120T180000Z-") {
		t.Errorf("got  %s %s\nwant %s", got.task, got.event, want)
	}
	b.set(began.Add(30 * time.Hour))
	b.fires(tr, "20T18:00 fired", "21T18:00 fired")
	s := b.state(tr, func(s *ebb.TriggerState) bool { return s.Fired == 2 })
	if !s.NextAt.Equal(began.Add(54*time.Hour)) || s.Outcome != ebb.FireDone || s.LastTask != b.last(2).task {
		t.Errorf("%+v", s)
	}
}

func TestInput(t *testing.T) {
	b := open(t)
	tr := b.create("in", Settings{Schedule: "at(2026-11-20T21:30:00)", Timezone: "Asia/Shanghai",
		Input: json.RawMessage(`{"day":"<ebb.local-date>","at":"<aws.scheduler.scheduled-time>","n":"<aws.scheduler.attempt-number>","b":"<ebb.business-date>"}`)})
	b.set(began.Add(90 * time.Minute))
	b.fires(tr, "20T13:30 fired")
	if got, want := b.last(1).event, `{"day":"2026-11-20","at":"2026-11-20T13:30:00Z","n":"1","b":""}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestMisfire: what was due while nobody was there.
func TestMisfire(t *testing.T) {
	for policy, test := range map[string]struct {
		settings Settings
		fires    []string
		skipped  int64
	}{
		"once":            {Settings{}, []string{"20T16:30 fired"}, 4},
		"skip":            {Settings{Misfire: Skip}, []string{"20T12:30 missed"}, 5},
		"all":             {Settings{Misfire: All}, []string{"20T12:30 fired", "20T13:30 fired", "20T14:30 fired", "20T15:30 fired", "20T16:30 fired"}, 0},
		"all of an hour":  {Settings{Misfire: All, CatchUp: 2 * 3600}, []string{"20T12:30 missed", "20T15:30 fired", "20T16:30 fired"}, 3},
		"skip, long time": {Settings{Misfire: Skip, Grace: 3600}, []string{"20T12:30 missed", "20T16:30 fired"}, 4},
	} {
		t.Run(policy, func(t *testing.T) {
			b := open(t)
			test.settings.Schedule = "cron(30 * * * ? *)"
			tr := b.create("t", test.settings)
			b.set(began.Add(5 * time.Hour))
			b.fires(tr, test.fires...)
			s := b.state(tr, func(s *ebb.TriggerState) bool { return s.NextAt.Equal(began.Add(5*time.Hour + 30*time.Minute)) })
			if s.Skipped != test.skipped {
				t.Errorf("%d were skipped, want %d", s.Skipped, test.skipped)
			}
		})
	}
}

// asksFor waits until somebody asked whether a task runs, unless nobody will.
func (b *bench) asksFor(id ebb.MessageID, policy string) {
	b.t.Helper()
	for end := time.Now().Add(limit); policy != Allow; wait(b.t) {
		b.mu.Lock()
		asked := slices.Contains(b.asked, id)
		b.mu.Unlock()
		if asked {
			return
		}
		if time.Now().After(end) {
			b.t.Fatal("nobody asks")
		}
	}
}

// TestOverlap: what is due while the one before runs.
func TestOverlap(t *testing.T) {
	for policy, test := range map[string]struct{ fires, after []string }{
		Allow:  {[]string{"20T12:30 fired", "20T13:30 fired"}, []string{"20T12:30 fired", "20T13:30 fired", "20T14:30 fired"}},
		Skip:   {[]string{"20T12:30 fired", "20T13:30 overlap"}, []string{"20T12:30 fired", "20T13:30 overlap", "20T14:30 fired"}},
		Cancel: {[]string{"20T12:30 fired", "20T13:30 fired"}, []string{"20T12:30 fired", "20T13:30 fired", "20T14:30 fired"}},
		Queue:  {[]string{"20T12:30 fired"}, []string{"20T12:30 fired", "20T13:30 fired"}},
	} {
		t.Run(policy, func(t *testing.T) {
			b := open(t)
			tr := b.create("t", Settings{Schedule: "cron(30 * * * ? *)", Overlap: policy, Grace: 3600})
			b.set(began.Add(30 * time.Minute))
			b.fires(tr, "20T12:30 fired")
			first := b.last(1).task
			b.mu.Lock()
			b.running[first] = true
			b.mu.Unlock()
			b.set(began.Add(90 * time.Minute))
			b.asksFor(first, policy)
			b.fires(tr, test.fires...)
			b.mu.Lock()
			if got := slices.Contains(b.stopped, first); got != (policy == Cancel) {
				t.Errorf("the one before was stopped: %v", got)
			}
			delete(b.running, first)
			b.mu.Unlock()
			b.set(began.Add(150 * time.Minute)) // a queued one fires for itself, and not for what came while it waited
			b.fires(tr, test.after...)
		})
	}
}

// TestChange: what belongs to the timer as it was does nothing.
func TestChange(t *testing.T) {
	b := open(t)
	tr := b.create("t", Settings{Schedule: "cron(0 * * * ? *)"})
	if _, err := b.triggers.Pause(t.Context(), tr.TriggerKey); err != nil {
		t.Fatal(err)
	}
	b.set(began.Add(150 * time.Minute))
	if _, err := b.triggers.Resume(t.Context(), tr.TriggerKey); err != nil {
		t.Fatal(err)
	}
	b.set(began.Add(3 * time.Hour))
	b.fires(tr, "20T15:00 fired") // paused is not late
	next := ebb.Trigger{TriggerKey: tr.TriggerKey, Target: tr.Target, Settings: json.RawMessage(`{"schedule":"cron(15 * * * ? *)"}`)}
	if _, err := b.triggers.Update(t.Context(), next, 0); err != nil {
		t.Fatal(err)
	}
	b.set(began.Add(3*time.Hour + 15*time.Minute))
	b.fires(tr, "20T15:00 fired", "20T15:15 fired")
	b.set(began.Add(4*time.Hour + 15*time.Minute))
	b.fires(tr, "20T15:00 fired", "20T15:15 fired", "20T16:15 fired")
	if _, err := b.triggers.Update(t.Context(), next, 1); ebb.KindOf(err) != ebb.PreconditionFailed {
		t.Errorf("an old revision: %v", err)
	}
	if err := b.triggers.Delete(t.Context(), tr.TriggerKey); err != nil {
		t.Fatal(err)
	}
	again := b.create("t", Settings{Schedule: "cron(15 * * * ? *)"})
	b.set(began.Add(5*time.Hour + 15*time.Minute))
	b.fires(again, "20T17:15 fired")
}

// TestOneMessage: however often a timer changes, it has one message; paused or
// deleted, it has none.
func TestOneMessage(t *testing.T) {
	b := open(t)
	has := func(after string, want int) {
		t.Helper()
		ms, _, err := b.queue.List(t.Context(), store.MessageFilter{Queue: Line, Service: ebb.DefaultService}, 100)
		if err != nil || len(ms) != want {
			t.Fatalf("%s: %d messages, want %d: %v", after, len(ms), want, err)
		}
	}
	calendar := Calendar{Name: "cn", Timezone: "Asia/Shanghai"}
	err := b.kind.PutCalendar(t.Context(), calendar)
	if err != nil {
		t.Fatal(err)
	}
	tr := b.create("t", Settings{Schedule: "cron(0 0 1 1 ? *)", Calendar: "cn", BusinessDay: -1})
	has("made", 1)
	for _, minute := range []string{"1", "2", "3"} {
		next := ebb.Trigger{TriggerKey: tr.TriggerKey, Target: tr.Target, Settings: json.RawMessage(`{"schedule":"cron(` + minute + ` 0 1 1 ? *)","calendar":"cn"}`)}
		if _, err = b.triggers.Update(t.Context(), next, 0); err != nil {
			t.Fatal(err)
		}
		has("changed", 1)
	}
	if err = b.kind.PutCalendar(t.Context(), calendar); err != nil {
		t.Fatal(err)
	}
	has("another calendar", 1)
	if _, err = b.triggers.Pause(t.Context(), tr.TriggerKey); err != nil {
		t.Fatal(err)
	}
	has("paused", 0)
	if _, err = b.triggers.Resume(t.Context(), tr.TriggerKey); err != nil {
		t.Fatal(err)
	}
	has("resumed", 1)
	if err = b.triggers.Delete(t.Context(), tr.TriggerKey); err != nil {
		t.Fatal(err)
	}
	has("deleted", 0)
}

// TestClockBack: a clock that is put back fires nothing twice.
func TestClockBack(t *testing.T) {
	b := open(t)
	tr := b.create("t", Settings{Schedule: "cron(0/30 * * * ? *)"})
	b.set(began.Add(30 * time.Minute))
	b.fires(tr, "20T12:30 fired")
	b.set(began.Add(-30 * time.Minute))
	if s := b.state(tr, func(*ebb.TriggerState) bool { return true }); !s.NextAt.Equal(began.Add(time.Hour)) {
		t.Errorf("next at %s", s.NextAt)
	}
	b.set(began.Add(31 * time.Minute))
	b.set(began.Add(time.Hour))
	b.fires(tr, "20T12:30 fired", "20T13:00 fired")
}

func TestDeleteAfter(t *testing.T) {
	b := open(t)
	tr := b.create("t", Settings{Schedule: "at(2026-11-20T13:00:00)", DeleteAfter: true})
	b.set(began.Add(time.Hour))
	for end := time.Now().Add(limit); ; wait(t) {
		_, err := b.triggers.Get(t.Context(), tr.TriggerKey)
		if ebb.KindOf(err) == ebb.NotFound {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it is still there")
		}
	}
	if b.last(1).trigger != "t" {
		t.Error("not fired")
	}
}

// TestRefused: a target that is gone is told, and the timer goes on.
func TestRefused(t *testing.T) {
	b := open(t)
	b.refuse = ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Function not found: f")
	tr := b.create("t", Settings{Schedule: "cron(0 * * * ? *)"})
	b.set(began.Add(time.Hour))
	b.fires(tr, "20T13:00 refused")
	s := b.state(tr, func(s *ebb.TriggerState) bool { return s.Failed == 1 })
	if !strings.Contains(s.Error, "Function not found") {
		t.Errorf("%+v", s)
	}
	b.mu.Lock()
	b.refuse = nil
	b.mu.Unlock()
	b.set(began.Add(2 * time.Hour))
	b.fires(tr, "20T13:00 refused", "20T14:00 fired")
}

func TestRefuses(t *testing.T) {
	b := open(t)
	for settings, says := range map[string]string{
		``:                                       "timer: ",
		`{"cron":"x"}`:                           "unknown field",
		`{}`:                                     "timer.schedule: ",
		`{"schedule":"at(2026-11-20T11:00:00)"}`: "never due again",
		`{"schedule":"rate(1 day)","timezone":"Mars/Olympus"}`: "timer.timezone: ",
		`{"schedule":"rate(1 day)","jitter":-1}`:               "timer.jitter: ",
		`{"schedule":"rate(1 day)","misfire":"x"}`:             "timer.misfire: ",
		`{"schedule":"rate(1 day)","overlap":"x"}`:             "timer.overlap: ",
		`{"schedule":"rate(1 day)","calendar":"none"}`:         "timer.calendar: there is no calendar",
		`{"schedule":"rate(1 day)","days":"working"}`:          "need a calendar",
		`{"schedule":"rate(1 day)","businessDay":1}`:           "timer.businessDay: ",
	} {
		_, err := b.triggers.Create(t.Context(), ebb.Trigger{TriggerKey: ebb.TriggerKey{Service: ebb.DefaultService, Name: "t"},
			Kind: ebb.TriggerTimer, Target: "x", Settings: json.RawMessage(settings)})
		if ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", settings, err, says)
		}
	}
	for _, c := range []Calendar{{Name: "a b"}, {Name: "a", Weekend: []string{"someday"}}, {Name: "a", CutOver: "25:00"}, {Name: "a", Timezone: "Mars"},
		{Name: "a", Weekend: []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}}} {
		if err := b.kind.PutCalendar(t.Context(), c); ebb.KindOf(err) != ebb.Invalid {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestCalendarChange: timers follow their calendar, which stays while they need it.
func TestCalendarChange(t *testing.T) {
	b := open(t)
	c := Calendar{Name: "cn", Holidays: map[schedule.Date]string{{Year: 2026, Month: 11, Day: 23}: "closed"}}
	if err := b.kind.PutCalendar(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	tr := b.create("t", Settings{Schedule: "cron(0 9 * * ? *)", Calendar: "cn", Days: "working"})
	tuesday := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	b.state(tr, func(s *ebb.TriggerState) bool { return s.NextAt.Equal(tuesday) })
	if err := b.kind.PutCalendar(t.Context(), Calendar{Name: "cn"}); err != nil {
		t.Fatal(err)
	}
	b.state(tr, func(s *ebb.TriggerState) bool { return s.NextAt.Equal(tuesday.AddDate(0, 0, -1)) })
	b.set(tuesday)
	b.fires(tr, "24T09:00 fired") // the one of Monday is a day late
	if err := b.kind.DeleteCalendar(t.Context(), "cn"); ebb.KindOf(err) != ebb.Conflict {
		t.Errorf("deleted while it is used: %v", err)
	}
}

// TestTwoProcesses: many timers, two processes, every fire once.
func TestTwoProcesses(t *testing.T) {
	b := openFor(t, false)
	b.ahead.Store(0)
	b.node()
	const timers, seconds = 40, 4
	var all []*ebb.Trigger
	for n := range timers {
		all = append(all, b.create(fmt.Sprintf("t%02d", n), Settings{Schedule: "* * * * * ?"}))
	}
	b.state(all[timers-1], func(s *ebb.TriggerState) bool { return s.Fired >= seconds })
	for _, tr := range all {
		if _, err := b.triggers.Pause(t.Context(), tr.TriggerKey); err != nil {
			t.Fatal(err)
		}
	}
	for _, tr := range all {
		fs, err := b.triggers.Fires(t.Context(), tr, time.Now().Add(time.Hour), 100)
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(fs); i++ {
			if gap := fs[i-1].Due.Sub(fs[i].Due); gap != time.Second {
				t.Errorf("%s: %s lie between two fires", tr.Name, gap)
			}
		}
		b.mu.Lock()
		tasks := make(map[ebb.MessageID]int)
		for _, s := range b.sent {
			if s.trigger == tr.Name {
				tasks[s.task]++
			}
		}
		b.mu.Unlock()
		for _, f := range fs {
			if tasks[f.Task] != 1 {
				t.Errorf("%s: %s was sent %d times", tr.Name, f.Task, tasks[f.Task])
			}
		}
		if len(tasks) != len(fs) {
			t.Errorf("%s: %d fires, %d deliveries", tr.Name, len(fs), len(tasks))
		}
	}
}

// TestClocksStep: two processes whose clocks are put an hour forward and back,
// each by itself: every fire once, none left out.
func TestClocksStep(t *testing.T) {
	b := openFor(t, false)
	var skew atomic.Int64
	_, _, second := b.nodeAt(func() time.Time { return b.now().Add(time.Duration(skew.Load())) })
	const timers = 10
	var all []*ebb.Trigger
	for n := range timers {
		all = append(all, b.create(fmt.Sprintf("t%d", n), Settings{Schedule: "0 0/10 * * * ?", Misfire: All}))
	}
	for _, step := range []struct{ first, second time.Duration }{ // from noon
		{10 * time.Minute, 70 * time.Minute}, {20 * time.Minute, -40 * time.Minute}, {-40 * time.Minute, 30 * time.Minute},
		{100 * time.Minute, 40 * time.Minute}, {50 * time.Minute, 110 * time.Minute}, {120 * time.Minute, 120 * time.Minute},
	} {
		b.set(began.Add(step.first))
		skew.Store(int64(step.second - step.first))
		second.Wake(Line)
		due := began.Add(max(step.first, step.second))
		for _, tr := range all {
			b.state(tr, func(s *ebb.TriggerState) bool { return s.NextAt.After(due) })
		}
	}
	for _, tr := range all {
		fs, err := b.triggers.Fires(t.Context(), tr, began.AddDate(1, 0, 0), 100)
		if err != nil || len(fs) != 12 {
			t.Fatalf("%s: %d fires in two hours, %v", tr.Name, len(fs), err)
		}
		for i, f := range slices.Backward(fs) {
			if want := began.Add(time.Duration(len(fs)-i) * 10 * time.Minute); !f.Due.Equal(want) || f.Outcome != ebb.FireDone {
				t.Errorf("%s: %+v, want %s", tr.Name, f, want)
			}
		}
	}
	b.last(timers * 12)
	b.mu.Lock()
	defer b.mu.Unlock()
	tasks := make(map[ebb.MessageID]int)
	for _, s := range b.sent {
		tasks[s.task]++
	}
	if len(b.sent) != timers*12 || len(tasks) != timers*12 {
		t.Errorf("%d deliveries of %d tasks, want %d", len(b.sent), len(tasks), timers*12)
	}
}

// TestPlans: what a fire needs is remembered from when the timer was set, or else
// from its first fire; but not where a calendar has a part in it, and what is old
// fires nothing.
func TestPlans(t *testing.T) {
	b := open(t)
	if err := b.kind.PutCalendar(t.Context(), Calendar{Name: "cn"}); err != nil {
		t.Fatal(err)
	}
	plain := b.create("plain", Settings{Schedule: "cron(0 * * * ? *)"})
	dated := b.create("dated", Settings{Schedule: "cron(0 * * * ? *)", Calendar: "cn"})
	old := b.kind.plans.get(plain.ID, plain.Revision)
	if old == nil || b.kind.plans.get(dated.ID, dated.Revision) != nil {
		t.Error("the wrong ones are remembered")
	}
	b.kind.plans.forget(plain.ID) // as another process, or the next, begins
	b.set(began.Add(time.Hour))
	b.fires(plain, "20T13:00 fired")
	b.fires(dated, "20T13:00 fired")
	if b.kind.plans.get(plain.ID, plain.Revision) == nil || b.kind.plans.get(dated.ID, dated.Revision) != nil {
		t.Error("the wrong ones are remembered after a fire")
	}
	next := ebb.Trigger{TriggerKey: plain.TriggerKey, Target: plain.Target, Settings: json.RawMessage(`{"schedule":"cron(0 20 * * ? *)"}`)}
	if _, err := b.triggers.Update(t.Context(), next, 0); err != nil {
		t.Fatal(err)
	}
	b.kind.plans.keep(old) // as in a process that has not heard
	b.set(began.Add(2 * time.Hour))
	b.fires(dated, "20T13:00 fired", "20T14:00 fired")
	b.fires(plain, "20T13:00 fired")
	b.set(began.Add(8 * time.Hour))
	b.fires(plain, "20T13:00 fired", "20T20:00 fired")
	if err := b.triggers.Delete(t.Context(), plain.TriggerKey); err != nil {
		t.Fatal(err)
	}
	again := b.create("plain", Settings{Schedule: "cron(0 21 * * ? *)"})
	b.set(began.Add(9 * time.Hour))
	b.fires(again, "20T21:00 fired")
}

// TestPlansAreBounded: however many timers there are.
func TestPlansAreBounded(t *testing.T) {
	p := plans{kept: make(map[ebb.TriggerID]*plan)}
	for n := range maxPlans + 10 {
		p.keep(&plan{t: &ebb.Trigger{ID: ebb.TriggerID(fmt.Sprint(n)), Revision: 1}})
	}
	if len(p.kept) != maxPlans || p.get(ebb.TriggerID(fmt.Sprint(maxPlans+9)), 1) == nil {
		t.Errorf("%d are kept", len(p.kept))
	}
}
