package event

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const shop = ebb.ServiceID("123456789012")

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// sent is one delivery.
type sent struct {
	rule  string
	id    ebb.MessageID
	event string
	from  deliver.Origin
}

// bench is a bus on a real database.
type bench struct {
	t        *testing.T
	store    *store.Store
	bus      *Bus
	triggers *trigger.Triggers
	now      time.Time

	mu     sync.Mutex
	sent   []sent
	refuse map[string]error // by rule
	broken error            // of the Tx
}

func open(t *testing.T) *bench {
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
	b := &bench{t: t, store: s, refuse: map[string]error{}, now: noon}
	b.bus, b.triggers = b.node()
	return b
}

// node is one process on the bench's database.
func (b *bench) node() (*Bus, *trigger.Triggers) {
	var g *trigger.Triggers
	log := slog.New(slog.DiscardHandler)
	bus := New(Config{}, Deps{Store: b.store, Log: log, Region: "us-east-1", Now: func() time.Time { return b.now }, Send: b.send,
		Count: func(t ebb.TriggerRef, c ebb.TriggerCounts) { g.Count(t, c) }})
	g = trigger.New(trigger.Config{}, trigger.Deps{Store: b.store, Log: log, Tell: bus.Tell,
		CheckTarget: func(context.Context, ebb.ServiceID, string) error { return nil }}, map[ebb.TriggerKind]trigger.Kind{ebb.TriggerEvent: bus})
	return bus, g
}

func (b *bench) send(_ context.Context, t *ebb.Trigger, id ebb.MessageID, event []byte, from deliver.Origin) (func(*store.Tx) error, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.refuse[t.Name]; err != nil {
		return nil, err
	}
	return func(tx *store.Tx) error {
		if b.broken != nil {
			return b.broken
		}
		tx.AfterCommit(func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.sent = append(b.sent, sent{t.Name, id, string(event), from})
		})
		return nil
	}, nil
}

// rule makes a rule.
func (b *bench) rule(name, pattern string, filters ...string) *ebb.Trigger {
	b.t.Helper()
	tr := ebb.Trigger{TriggerKey: ebb.TriggerKey{Service: shop, Name: name}, Kind: ebb.TriggerEvent, Target: "f", Settings: json.RawMessage(`{"pattern":` + pattern + `}`)}
	for _, f := range filters {
		tr.Filters = append(tr.Filters, json.RawMessage(f))
	}
	made, err := b.triggers.Create(b.t.Context(), tr)
	if err != nil {
		b.t.Fatal(err)
	}
	return made
}

func (b *bench) put(entries ...Entry) []Result {
	b.t.Helper()
	rs, err := b.bus.Put(b.t.Context(), shop, entries, "Root=1-trace")
	if err != nil {
		b.t.Fatal(err)
	}
	return rs
}

// took returns what was delivered since the last call, as rule names.
func (b *bench) took() (names []string, all []sent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all, b.sent = b.sent, nil
	for _, s := range all {
		names = append(names, s.rule)
	}
	return names, all
}

func (b *bench) counts(t *ebb.Trigger) ebb.TriggerCounts {
	b.t.Helper()
	ctx, done := context.WithCancel(b.t.Context())
	done() // writes what there is and returns
	if err := b.triggers.RunCounts(ctx); err != nil {
		b.t.Fatal(err)
	}
	c, err := b.triggers.Counts(b.t.Context(), t)
	if err != nil {
		b.t.Fatal(err)
	}
	return *c
}

func order(id string) Entry {
	return Entry{Event: ebb.Event{ID: id, Source: "shop.orders", DetailType: "Order Placed", Time: noon, Detail: json.RawMessage(`{"total":5}`)}}
}

// TestPut: an event goes to every rule that asks for it and is what rules and
// targets see; one that nobody asks for is gone; paused rules ask for nothing.
func TestPut(t *testing.T) {
	b := open(t)
	orders := b.rule("orders", `{"source":["shop.orders"]}`)
	b.rule("large", `{"detail":{"total":[{"numeric":[">",100]}]}}`)
	all := b.rule("all", `{"account":["123456789012"]}`, `{"detail":{"total":[1,2,3]}}`)
	rs := b.put(order("one"))
	if names, all := b.took(); !slices.Equal(names, []string{"orders"}) || rs[0] != (Result{ID: "one", Matched: 1}) {
		t.Errorf("%v %+v", names, rs)
	} else if want := `{"version":"0","id":"one","detail-type":"Order Placed","source":"shop.orders","account":"123456789012","time":"2026-11-20T12:00:00Z","region":"us-east-1","resources":[],"detail":{"total":5}}`; all[0].event != want || all[0].from.Trace != "Root=1-trace" || all[0].from.Alarm {
		t.Errorf("%+v", all[0])
	} else if !strings.HasSuffix(string(all[0].id), "@orders") {
		t.Error(all[0].id)
	}
	if c := b.counts(orders); c.Taken != 1 || c.Filtered != 0 {
		t.Errorf("%+v", c)
	}
	if c := b.counts(all); c.Taken != 1 || c.Filtered != 1 {
		t.Errorf("%+v", c)
	}
	e := order("")
	e.Detail, e.Time = json.RawMessage(`{"total":101}`), time.Time{}
	rs = b.put(e, order("two"))
	if names, _ := b.took(); !slices.Equal(names, []string{"large", "orders", "orders"}) || rs[0].Matched != 2 || rs[0].ID == "" || rs[1].ID != "two" {
		t.Errorf("%v %+v", names, rs)
	}
	if _, err := b.triggers.Pause(t.Context(), orders.TriggerKey); err != nil {
		t.Fatal(err)
	}
	if rs := b.put(order("three")); rs[0].Matched != 0 || rs[0].Code != "" {
		t.Errorf("%+v", rs)
	}
	if names, _ := b.took(); names != nil {
		t.Error(names)
	}
	if _, err := b.triggers.Resume(t.Context(), orders.TriggerKey); err != nil {
		t.Fatal(err)
	}
	if err := b.triggers.Delete(t.Context(), ebb.TriggerKey{Service: shop, Name: "all"}); err != nil {
		t.Fatal(err)
	}
	other, err := b.bus.Put(t.Context(), "999999999999", []Entry{order("x")}, "")
	if err != nil || other[0].Matched != 0 {
		t.Errorf("another service's: %+v %v", other, err)
	}
}

// TestPutRefuses: what is wrong with one event is said of it; the others are taken.
func TestPutRefuses(t *testing.T) {
	b := open(t)
	b.rule("orders", `{"source":["shop.orders"]}`)
	spoilt := func(spoil func(*Entry)) Entry {
		e := order("x")
		spoil(&e)
		return e
	}
	entries := []Entry{
		spoilt(func(e *Entry) { e.Source = "" }),
		spoilt(func(e *Entry) { e.DetailType = "" }),
		spoilt(func(e *Entry) { e.Source = "aws.ec2" }),
		spoilt(func(e *Entry) { e.Source = ebb.SourceTrigger }),
		spoilt(func(e *Entry) { e.Detail = json.RawMessage("{") }),
		spoilt(func(e *Entry) { e.Detail = json.RawMessage(`"` + strings.Repeat("x", MaxSize) + `"`) }),
		order("good"),
	}
	var codes []string
	for _, r := range b.put(entries...) {
		codes = append(codes, r.Code)
	}
	if want := []string{CodeInvalid, CodeInvalid, CodeSource, CodeSource, CodeDetail, CodeInvalid, ""}; !slices.Equal(codes, want) {
		t.Errorf("got %v", codes)
	}
	if names, _ := b.took(); len(names) != 1 {
		t.Error(names)
	}
	b.broken = errors.New("disk full")
	if r := b.put(order("lost"))[0]; r.Code != CodeInternal || r.ID != "" {
		t.Errorf("%+v", r)
	}
}

// TestOnce: what its producer names is delivered once while it is remembered.
func TestOnce(t *testing.T) {
	b := open(t)
	b.rule("orders", `{"source":["shop.orders"]}`)
	again := order("same")
	again.Once = true
	other := again
	other.Source = "shop.orders.eu"
	if rs := b.put(again, again, other); rs[0].Duplicate || !rs[1].Duplicate || rs[2].Duplicate {
		t.Errorf("%+v", rs)
	}
	if r := b.put(again)[0]; !r.Duplicate || r.ID != "same" {
		t.Errorf("%+v", r)
	}
	b.now = noon.Add(DefaultRemember + time.Second)
	if err := b.bus.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := b.put(again)[0]; r.Duplicate {
		t.Errorf("after a day: %+v", r)
	}
	if names, _ := b.took(); len(names) != 2 {
		t.Error(names)
	}
}

// TestRefusedRule: a rule whose target is not there fails alone, and an alarm
// tells of it; an alarm's own failure tells of nothing.
func TestRefusedRule(t *testing.T) {
	b := open(t)
	gone := b.rule("gone", `{"source":["shop.orders"]}`)
	b.rule("orders", `{"source":["shop.orders"]}`)
	b.rule("alarm", `{"source":["ebb.trigger"],"detail":{"trigger":["gone"]}}`)
	broken := b.rule("broken", `{"source":["ebb.trigger"]}`)
	missing := ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Function not found: f")
	b.refuse["gone"], b.refuse["broken"] = missing, missing
	if r := b.put(order("one"))[0]; r.Code != "" || r.Matched != 2 {
		t.Errorf("%+v", r)
	}
	names, all := b.took()
	if slices.Sort(names); !slices.Equal(names, []string{"alarm", "orders"}) {
		t.Fatal(names)
	}
	for _, s := range all {
		if s.rule == "alarm" && (!s.from.Alarm || !strings.Contains(s.event, `"detail-type":"Delivery Failed"`) || !strings.Contains(s.event, "Function not found: f")) {
			t.Errorf("%+v", s)
		}
	}
	if c := b.counts(gone); c.Failed != 1 || !strings.Contains(c.Result, "Function not found") || c.FailingAt.IsZero() {
		t.Errorf("%+v", c)
	}
	if c := b.counts(broken); c.Failed != 1 {
		t.Errorf("%+v", c)
	}
	if refs, err := b.triggers.Failing(t.Context(), 9); err != nil || len(refs) != 2 {
		t.Errorf("%v %v", refs, err)
	}
	b.refuse["gone"] = errors.New("database away")
	if r := b.put(order("two"))[0]; r.Code != CodeInternal {
		t.Errorf("%+v", r)
	}
	if names, _ := b.took(); names != nil {
		t.Error("half of it is delivered: ", names)
	}
}

// TestOtherNode: a rule that another node changed is seen once it is told of.
func TestOtherNode(t *testing.T) {
	b := open(t)
	bus, _ := b.node()
	put := func(want int) {
		t.Helper()
		rs, err := bus.Put(t.Context(), shop, []Entry{order("")}, "")
		if err != nil || rs[0].Matched != want {
			t.Errorf("%+v %v, want %d", rs, err, want)
		}
	}
	put(0)
	b.rule("orders", `{"source":["shop.orders"]}`)
	var changes []store.Change
	if err := b.store.Read(t.Context(), func(tx *store.Tx) (err error) {
		changes, err = tx.Changes(0, 9)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(changes, func(c store.Change) bool { return c.Kind == store.ChangeRules && c.ID == string(shop) }); i < 0 {
		t.Fatalf("nobody is told: %v", changes)
	}
	put(0)
	bus.Forget(shop)
	put(1)
}

func TestCheckRefuses(t *testing.T) {
	b := open(t)
	for settings, says := range map[string]string{
		`{}`:                                 "event.pattern: missing",
		`{"pattern":[]}`:                     "event.pattern: ",
		`{"pattern":{"source":"x"}}`:         "event.pattern: source",
		`{"pattern":{"source":["x"]},"a":1}`: "event: json: unknown field",
	} {
		_, err := b.triggers.Create(t.Context(), ebb.Trigger{TriggerKey: ebb.TriggerKey{Service: shop, Name: "t"}, Kind: ebb.TriggerEvent, Target: "f", Settings: json.RawMessage(settings)})
		if ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", settings, err, says)
		}
	}
}

func TestSample(t *testing.T) {
	b := open(t)
	tr := b.rule("r", `{"source":["shop.orders"],"detail":{"state":["paid","sent"],"total":[{"numeric":[">",1]}]},"resources":["arn:x"]}`)
	text, err := b.bus.Sample(t.Context(), tr)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"source":"shop.orders"`, `"detail":{"state":"paid"}`, `"resources":["arn:x"]`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %s", text, want)
		}
	}
}

// TestCloudEvents: the three modes of CloudEvents make the same event.
func TestCloudEvents(t *testing.T) {
	structured := `{"specversion":"1.0","id":"a-1","source":"/shop","type":"com.example.order","subject":"order/7","time":"2026-11-20T12:00:00.5Z","tenant":"eu","data":{"total":5}}`
	one, err := ParseCloudEvent([]byte(structured))
	if err != nil {
		t.Fatal(err)
	}
	want := Entry{Once: true, Event: ebb.Event{ID: "a-1", Source: "/shop", DetailType: "com.example.order", Time: noon.Add(500 * time.Millisecond),
		Resources: []string{"order/7"}, Detail: json.RawMessage(`{"total":5}`), Attributes: json.RawMessage(`{"specversion":"1.0","subject":"order/7","tenant":"eu"}`)}}
	if got, was := asText(t, one), asText(t, want); got != was {
		t.Errorf("%s, want %s", got, was)
	}
	batch, err := ParseCloudEvents([]byte("[" + structured + "," + structured + "]"))
	if err != nil || len(batch) != 2 || asText(t, batch[1]) != asText(t, want) {
		t.Errorf("%+v %v", batch, err)
	}
	h := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"a-1"}, "Ce-Source": {"/shop"}, "Ce-Type": {"com.example.order"},
		"Ce-Subject": {"order%2F7"}, "Ce-Time": {"2026-11-20T12:00:00.5Z"}, "Ce-Tenant": {"eu"}, "Content-Type": {"application/json"}}
	one, err = ReadCloudEvent(h, []byte(`{"total":5}`))
	if err != nil {
		t.Fatal(err)
	}
	want.Attributes = json.RawMessage(`{"datacontenttype":"application/json","specversion":"1.0","subject":"order/7","tenant":"eu"}`)
	if got, was := asText(t, one), asText(t, want); got != was {
		t.Errorf("%s, want %s", got, was)
	}
	h.Set("Content-Type", "text/plain")
	if one, err = ReadCloudEvent(h, []byte("hello")); err != nil || string(one.Detail) != `"hello"` {
		t.Errorf("%s %v", one.Detail, err)
	}
	h.Set("Content-Type", "image/png")
	if one, err = ReadCloudEvent(h, []byte{0xff, 0}); err != nil || string(one.Detail) != `"/wA="` {
		t.Errorf("%s %v", one.Detail, err)
	}
	if one, err = ParseCloudEvent([]byte(`{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"eyJhIjoxfQ=="}`)); err != nil || string(one.Detail) != `{"a":1}` {
		t.Errorf("%s %v", one.Detail, err)
	}
	for text, says := range map[string]string{
		`[]`: "not a JSON object",
		`{"specversion":"0.3","id":"1","source":"s","type":"t"}`:                           "specversion: must be 1.0",
		`{"specversion":"1.0","source":"s","type":"t"}`:                                    "id: missing",
		`{"specversion":"1.0","id":"","source":"s","type":"t"}`:                            "id: must be text that is not empty",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"now"}`:              "time: ",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","A_b":"x"}`:                 `"A_b": an attribute's name`,
		`{"specversion":"1.0","id":"1","source":"s","type":"t","x":{}}`:                    "x: an attribute is text",
		`{"specversion":"1.0","id":"1","source":"s","type":"t","data":1,"data_base64":""}`: "data, data_base64",
	} {
		if _, err := ParseCloudEvent([]byte(text)); ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
	if _, err := ParseCloudEvents([]byte(`[{}]`)); err == nil || !strings.Contains(err.Error(), "[0]: specversion") {
		t.Error(err)
	}
}

func asText(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestPutEvents: EventBridge's answers, entry by entry.
func TestPutEvents(t *testing.T) {
	b := open(t)
	b.rule("orders", `{"source":["shop.orders"]}`)
	entry := func(detail string) PutEntry {
		return PutEntry{Source: new("shop.orders"), DetailType: new("Order"), Detail: &detail}
	}
	bad := entry("[]")
	elsewhere := entry("{}")
	elsewhere.EventBusName = new("other")
	named := entry("{}")
	named.EventBusName = new("arn:aws:events:us-east-1:123456789012:event-bus/default")
	a, err := b.bus.PutEvents(t.Context(), shop, []PutEntry{{}, entry(`{"n":1}`), bad, elsewhere, named}, "")
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, e := range a.Entries {
		if (e.EventID == "") == (e.ErrorCode == "") {
			t.Errorf("%+v", e)
		}
		codes = append(codes, e.ErrorCode)
	}
	if want := []string{CodeInvalid, "", CodeDetail, CodeInvalid, ""}; !slices.Equal(codes, want) || a.FailedEntryCount != 3 {
		t.Errorf("%v %+v", codes, a)
	}
	if says := a.Entries[0].ErrorMessage; says != "Parameter Source is not valid. Reason: Source is a required argument." {
		t.Error(says)
	}
	if names, _ := b.took(); len(names) != 2 {
		t.Error(names)
	}
	for n, says := range map[int]string{0: "Entries: 0", 11: "Entries: 11"} {
		if _, err := b.bus.PutEvents(t.Context(), shop, make([]PutEntry, n), ""); ebb.TypeOf(err) != ebb.TypeValidation || !strings.Contains(err.Error(), says) {
			t.Errorf("%d: %v", n, err)
		}
	}
	large := entry(`{"x":"` + strings.Repeat("x", MaxSize/2) + `"}`)
	if _, err := b.bus.PutEvents(t.Context(), shop, []PutEntry{large, large}, ""); err == nil || !strings.Contains(err.Error(), "Total size") {
		t.Error(err)
	}
}
