package event

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/pattern"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
)

// Settings of a rule.
type Settings struct {
	Pattern json.RawMessage `json:"pattern" doc:"the events it asks for, an event pattern of EventBridge"`
}

// Check implements trigger.Kind.
func (b *Bus) Check(_ context.Context, t *ebb.Trigger) (json.RawMessage, error) {
	var s Settings
	d := json.NewDecoder(bytes.NewReader(t.Settings))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, invalid("event: %v", err)
	}
	if s.Pattern == nil {
		return nil, invalid("event.pattern: missing")
	}
	if _, err := pattern.Compile(s.Pattern); err != nil {
		return nil, invalid("event.pattern: %v", err)
	}
	return json.Marshal(s)
}

// Set implements trigger.Kind: the rules that are remembered are dropped, on this
// node at once and on others when they hear of it.
func (b *Bus) Set(tx *store.Tx, old, now *ebb.Trigger) error {
	t := now
	if t == nil {
		t = old
	}
	if old == nil {
		ts, err := tx.Triggers(store.TriggerFilter{Service: t.Service, Kind: ebb.TriggerEvent}, MaxRules+1)
		if err != nil {
			return err
		}
		if len(ts) > MaxRules {
			return ebb.Errorf(ebb.QuotaExceeded, ebb.TypeTooManyRequests, "event: a service has at most %d rules", MaxRules)
		}
	}
	tx.AfterCommit(func() { b.Forget(t.Service) })
	return tx.Touch(store.ChangeRules, string(t.Service))
}

// Sample implements trigger.Kind: an event with the values that the rule's
// pattern asks for first.
func (b *Bus) Sample(_ context.Context, t *ebb.Trigger) ([]byte, error) {
	var s Settings
	if err := json.Unmarshal(t.Settings, &s); err != nil {
		return nil, err
	}
	e := &ebb.Event{ID: "00000000-0000-0000-0000-000000000000", Source: "example.source", DetailType: "Example", Service: t.Service,
		Time: b.deps.Now(), Detail: json.RawMessage("{}")}
	doc, err := decode(b.envelope(e))
	if err != nil {
		return nil, err
	}
	wanted, err := decode(s.Pattern)
	if err != nil {
		return nil, err
	}
	fillIn(doc.(map[string]any), wanted.(map[string]any)) // an envelope and a pattern are objects
	return json.Marshal(doc)
}

// fillIn gives an event the first plain value that a pattern names for each key.
func fillIn(event, pattern map[string]any) {
	for name, want := range pattern {
		switch want := want.(type) {
		case map[string]any:
			below, ok := event[name].(map[string]any)
			if !ok {
				below = map[string]any{}
				event[name] = below
			}
			fillIn(below, want)
		case []any:
			if len(want) == 0 || name == "$or" {
				continue
			}
			if _, operator := want[0].(map[string]any); operator {
				continue
			}
			event[name] = want[0]
			if name == "resources" {
				event[name] = want[:1]
			}
		}
	}
}

// Source implements trigger.Kind: nothing runs, events come to Put.
func (b *Bus) Source(*ebb.Trigger) trigger.Source { return nil }

func invalid(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, format, args...)
}
