package event

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/metrics"
	"github.com/ebb-faas/ebb/internal/store"
)

// Config of the event bus. The zero value of a field means its default.
type Config struct {
	// Remember is for how long an event that its producer names is known again.
	Remember time.Duration `yaml:"remember"`
}

// DefaultRemember is the default of Config.Remember.
const DefaultRemember = 24 * time.Hour

// Limits of a call and of its events.
const (
	MaxRules  = 300       // of one service
	MaxSize   = 256 << 10 // bytes of one event, as its target gets it
	maxCommit = 4 << 20   // bytes of deliveries in one Tx, more only for one event
)

// Codes of events that were not taken, EventBridge's.
const (
	CodeInvalid   = "InvalidArgument"
	CodeDetail    = "MalformedDetail"
	CodeSource    = "NotAuthorizedForSource"
	CodeInternal  = "InternalFailure"
	CodeThrottled = "ThrottlingException"
)

// Deps is what the bus stands on.
type Deps struct {
	Store   *store.Store
	Log     *slog.Logger
	Region  string
	Metrics *metrics.Metrics // nil = not measured
	Now     func() time.Time // nil = time.Now
	// Send prepares the delivery of an event to a trigger's target under an id;
	// what it returns makes it so in a Tx.
	Send func(ctx context.Context, t *ebb.Trigger, id ebb.MessageID, event []byte, from deliver.Origin) (func(*store.Tx) error, error)
	// Count is trigger.Triggers.Count.
	Count func(t ebb.TriggerRef, c ebb.TriggerCounts)
}

// Bus is the event bus of a platform. It is safe for concurrent use.
type Bus struct {
	cfg   Config
	deps  Deps
	rules rules
}

// New makes it.
func New(cfg Config, deps Deps) *Bus {
	if cfg.Remember == 0 {
		cfg.Remember = DefaultRemember
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	b := &Bus{cfg: cfg, deps: deps}
	b.rules.read = b.readRules
	return b
}

// Validate refuses values that cannot work, naming the key.
func (c Config) Validate() error {
	if c.Remember < 0 {
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "events.remember: must not be negative")
	}
	return nil
}

// Entry is an event to be put. The bus gives it what it lacks of ID and Time.
type Entry struct {
	ebb.Event
	Once bool // Source and ID are the producer's: the same again is not delivered again
}

// Result is what became of an entry.
type Result struct {
	ID        string // of the event
	Matched   int    // rules that asked for it
	Duplicate bool   // it was taken before
	Code      string // "" = taken; else why not, in EventBridge's words
	Message   string
}

// taken is an entry on its way.
type taken struct {
	event  *ebb.Event
	once   bool
	result *Result
	sends  []func(*store.Tx) error
	counts []func()
	size   int
}

// Put takes events of a service, each by itself: the results say which. trace is
// the producer's X-Amzn-Trace-Id, or "". An error means that nothing was looked
// at.
func (b *Bus) Put(ctx context.Context, service ebb.ServiceID, entries []Entry, trace string) ([]Result, error) {
	rs, err := b.rules.get(ctx, service)
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(entries))
	var batch []*taken
	size := 0
	for i := range entries {
		t := &taken{event: &entries[i].Event, once: entries[i].Once, result: &results[i]}
		t.event.Service = service
		if !b.check(t) {
			continue
		}
		if err := b.route(ctx, rs, t, deliver.Origin{Trace: trace}); err != nil {
			b.failed(t, err)
			continue
		}
		if size > 0 && size+t.size > maxCommit {
			b.commit(ctx, batch)
			batch, size = nil, 0
		}
		batch, size = append(batch, t), size+t.size
	}
	b.commit(ctx, batch)
	for i := range results {
		b.measure(service, &results[i])
	}
	return results, nil
}

// failed is an entry that the platform could not take.
func (b *Bus) failed(t *taken, err error) {
	t.result.Code, t.result.Message = CodeInternal, "The event could not be taken; put it again"
	if ebb.KindOf(err) == ebb.Throttled {
		t.result.Code = CodeThrottled
	}
	b.deps.Log.Error("an event is not taken", "service", t.event.Service, "source", t.event.Source, "error", err)
}

// check completes an event and refuses what cannot be one.
func (b *Bus) check(t *taken) bool {
	e, r := t.event, t.result
	if e.ID == "" {
		e.ID = uuid.NewString()
	}
	if e.Time.IsZero() {
		e.Time = b.deps.Now()
	}
	r.ID = e.ID
	if r.Code, r.Message = refusal(e); r.Code != "" {
		r.ID = ""
	}
	return r.Code == ""
}

// route prepares a delivery for each rule that asks for the event.
func (b *Bus) route(ctx context.Context, rs []*rule, t *taken, from deliver.Origin) error {
	if len(rs) == 0 {
		return nil
	}
	text := b.envelope(t.event)
	doc, err := decode(text)
	if err != nil {
		return err
	}
	at, err := uuid.NewV7()
	if err != nil {
		return err
	}
	for _, r := range rs {
		asked, filtered := r.asks(doc)
		if filtered {
			t.counts = append(t.counts, b.counting(r, ebb.TriggerCounts{Taken: 1, Filtered: 1}))
		}
		if !asked {
			continue
		}
		t.result.Matched++
		send, err := b.deps.Send(ctx, r.trigger, ebb.MessageID(at.String()+"@"+r.trigger.Name), text, from)
		switch kind := ebb.KindOf(err); {
		case err == nil:
			t.sends, t.size = append(t.sends, send), t.size+len(text)
			t.counts = append(t.counts, b.counting(r, ebb.TriggerCounts{Taken: 1}))
		case kind == ebb.NotFound || kind == ebb.Invalid || kind == ebb.TooLarge || kind == ebb.Forbidden:
			c := ebb.TriggerCounts{Taken: 1, Failed: 1, Result: err.Error(), ResultAt: b.deps.Now()}
			t.counts = append(t.counts, b.counting(r, c))
			if from.Alarm {
				continue
			}
			tell, err := b.refused(ctx, r.trigger, t.event.ID, err, from.Trace)
			if err != nil {
				return err
			}
			t.sends = append(t.sends, tell)
		default:
			return err
		}
	}
	return nil
}

func (b *Bus) counting(r *rule, c ebb.TriggerCounts) func() {
	return func() {
		if b.deps.Count != nil {
			b.deps.Count(r.trigger.Ref(), c)
		}
	}
}

// commit makes deliveries so, all in one Tx.
func (b *Bus) commit(ctx context.Context, batch []*taken) {
	if len(batch) == 0 {
		return
	}
	write := false
	for _, t := range batch {
		write = write || len(t.sends) > 0
	}
	var err error
	if write {
		err = b.deps.Store.Tx(ctx, func(tx *store.Tx) error {
			for _, t := range batch {
				if err := t.write(tx, b.deps.Now()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, t := range batch {
		if err != nil {
			b.failed(t, err)
			t.result.ID = ""
			continue
		}
		if t.result.Duplicate {
			continue
		}
		for _, count := range t.counts {
			count()
		}
	}
}

// write makes an event's deliveries so, unless it was taken before.
func (t *taken) write(tx *store.Tx, now time.Time) error {
	t.result.Duplicate = false // it may run again
	if len(t.sends) == 0 {
		return nil
	}
	if t.once {
		err := tx.SeeEvent(t.event.Service, t.event.Source, t.event.ID, now)
		if errors.Is(err, store.ErrExists) {
			t.result.Duplicate = true
			return nil
		}
		if err != nil {
			return err
		}
	}
	for _, send := range t.sends {
		if err := send(tx); err != nil {
			return err
		}
	}
	return nil
}

// measure counts what became of an event.
func (b *Bus) measure(service ebb.ServiceID, r *Result) {
	if b.deps.Metrics == nil {
		return
	}
	outcome := "matched"
	switch {
	case r.Code != "":
		outcome = "refused"
	case r.Duplicate:
		outcome = "duplicate"
	case r.Matched == 0:
		outcome = "unmatched"
	}
	b.deps.Metrics.BusEvents(service, outcome)
}

// Raise prepares an event of the platform's own: what it returns delivers it in a
// Tx, by the rules of its service that ask for it now.
func (b *Bus) Raise(ctx context.Context, e *ebb.Event, trace string) (func(*store.Tx) error, error) {
	rs, err := b.rules.get(ctx, e.Service)
	if err != nil {
		return nil, err
	}
	r := new(Result)
	t := &taken{event: e, result: r}
	if e.ID == "" {
		e.ID = uuid.NewString()
	}
	if e.Time.IsZero() {
		e.Time = b.deps.Now()
	}
	if err := b.route(ctx, rs, t, deliver.Origin{Alarm: true, Trace: trace}); err != nil {
		return nil, err
	}
	return func(tx *store.Tx) error {
		for _, send := range t.sends {
			if err := send(tx); err != nil {
				return err
			}
		}
		tx.AfterCommit(func() {
			for _, count := range t.counts {
				count()
			}
			b.measure(e.Service, r)
		})
		return nil
	}, nil
}

// Tell is Raise and the Tx.
func (b *Bus) Tell(ctx context.Context, e *ebb.Event) error {
	tell, err := b.Raise(ctx, e, "")
	if err != nil {
		return err
	}
	return b.deps.Store.Tx(ctx, tell)
}

// Refused prepares an event that tells of a trigger whose target does not take an
// event of that id.
func (b *Bus) Refused(ctx context.Context, t *ebb.Trigger, id ebb.MessageID, why error) (func(*store.Tx) error, error) {
	return b.refused(ctx, t, string(id), why, "")
}

func (b *Bus) refused(ctx context.Context, t *ebb.Trigger, id string, why error, trace string) (func(*store.Tx) error, error) {
	detail, err := json.Marshal(map[string]any{
		"trigger": t.Name, "kind": t.Kind, "target": t.Target, "condition": "Refused", "reason": why.Error(),
		"error": ebb.TypeOf(why), "event": id,
	})
	if err != nil {
		return nil, err
	}
	return b.Raise(ctx, &ebb.Event{Source: ebb.SourceTrigger, DetailType: DeliveryFailed, Service: t.Service, Resources: []string{t.Target}, Detail: detail}, trace)
}

// DeliveryFailed is the detail-type of events that tell of a delivery given up.
const DeliveryFailed = "Delivery Failed"

// Tidy forgets events that were taken long ago.
func (b *Bus) Tidy(ctx context.Context) error {
	const page = 500
	for {
		var n int64
		err := b.deps.Store.Tx(ctx, func(tx *store.Tx) (err error) {
			n, err = tx.ForgetEvents(b.deps.Now().Add(-b.cfg.Remember), page)
			return err
		})
		if err != nil || n < page {
			return err
		}
	}
}
