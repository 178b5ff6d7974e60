package event

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// MaxEntries is how many events one PutEvents may have.
const MaxEntries = 10

// DefaultBus is the name of the one bus that every service has.
const DefaultBus = "default"

// PutEntry is an entry of PutEvents. Nil members are absent.
type PutEntry struct {
	Source       *string    `json:"Source,omitempty"`
	DetailType   *string    `json:"DetailType,omitempty"`
	Detail       *string    `json:"Detail,omitempty"`
	Time         *time.Time `json:"Time,omitempty"`
	Resources    []string   `json:"Resources,omitempty"`
	EventBusName *string    `json:"EventBusName,omitempty"`
}

// PutAnswer is what PutEvents answers.
type PutAnswer struct {
	FailedEntryCount int         `json:"FailedEntryCount"`
	Entries          []PutResult `json:"Entries"`
}

// PutResult is what became of an entry.
type PutResult struct {
	EventID      string `json:"EventId,omitempty"`
	ErrorCode    string `json:"ErrorCode,omitempty"`
	ErrorMessage string `json:"ErrorMessage,omitempty"`
}

// checkEntries refuses a PutEvents as a whole, as EventBridge does.
func checkEntries(entries []PutEntry) error {
	if len(entries) == 0 || len(entries) > MaxEntries {
		return ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "Entries: %d are not between 1 and %d", len(entries), MaxEntries)
	}
	total := 0
	for i := range entries {
		total += size(new(entries[i].event()))
	}
	if total > MaxSize {
		return ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "Total size of the entries in the request is over the limit.")
	}
	return nil
}

// event is what an entry says.
func (p *PutEntry) event() ebb.Event {
	e := ebb.Event{Source: value(p.Source), DetailType: value(p.DetailType), Detail: json.RawMessage(value(p.Detail)), Resources: p.Resources}
	if p.Time != nil {
		e.Time = *p.Time
	}
	return e
}

// entry is an entry as the bus takes it; refused is why it cannot.
func (p *PutEntry) entry() (e Entry, refused PutResult) {
	e.Event = p.event()
	switch bus := value(p.EventBusName); {
	case bus != "" && bus != DefaultBus && !strings.HasSuffix(bus, ":event-bus/"+DefaultBus):
		refused = PutResult{ErrorCode: CodeInvalid, ErrorMessage: "Parameter EventBusName is not valid. Reason: a service has one event bus, default."}
	case p.Detail == nil:
		refused = PutResult{ErrorCode: CodeInvalid, ErrorMessage: "Parameter Detail is not valid. Reason: Detail is a required argument."}
	case !isObject(e.Detail):
		refused = PutResult{ErrorCode: CodeDetail, ErrorMessage: "Detail is malformed."}
	}
	if e.Source == "" || e.DetailType == "" {
		refused.ErrorCode, refused.ErrorMessage = refusal(&e.Event) // what is missing first
	}
	return e, refused
}

func isObject(detail json.RawMessage) bool {
	v, err := decode(detail)
	_, ok := v.(map[string]any)
	return err == nil && ok
}

// PutEvents is PutEvents of EventBridge: what became of each entry. Errors:
// Invalid for all of it.
func (b *Bus) PutEvents(ctx context.Context, service ebb.ServiceID, puts []PutEntry, trace string) (*PutAnswer, error) {
	if err := checkEntries(puts); err != nil {
		return nil, err
	}
	a := &PutAnswer{Entries: make([]PutResult, len(puts))}
	var entries []Entry
	var at []int // where their answers stand
	for i := range puts {
		e, refused := puts[i].entry()
		if a.Entries[i] = refused; refused.ErrorCode == "" {
			entries, at = append(entries, e), append(at, i)
		} else {
			b.measure(service, &Result{Code: refused.ErrorCode})
		}
	}
	results, err := b.Put(ctx, service, entries, trace)
	if err != nil {
		return nil, err
	}
	for n, r := range results {
		a.Entries[at[n]] = PutResult{EventID: r.ID, ErrorCode: r.Code, ErrorMessage: r.Message}
	}
	for _, r := range a.Entries {
		if r.ErrorCode != "" {
			a.FailedEntryCount++
		}
	}
	return a, nil
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
