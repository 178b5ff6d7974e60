package event

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/trigger"
)

// envelope is what rules match and targets get: EventBridge's, and what of a
// CloudEvent has no place in that.
type envelope struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    ebb.ServiceID   `json:"account"`
	Time       string          `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
	CloudEvent json.RawMessage `json:"cloudEvent,omitempty"`
}

// envelope is an event as rules and targets see it.
func (b *Bus) envelope(e *ebb.Event) []byte {
	v := envelope{
		Version: "0", ID: e.ID, DetailType: e.DetailType, Source: e.Source, Account: e.Service,
		Time: e.Time.UTC().Format(time.RFC3339), Region: b.deps.Region, Resources: e.Resources, Detail: e.Detail, CloudEvent: e.Attributes,
	}
	if v.Resources == nil {
		v.Resources = []string{}
	}
	if len(v.Detail) == 0 {
		v.Detail = json.RawMessage("null")
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // details stay as they came
	if err := enc.Encode(&v); err != nil {
		panic("event: " + err.Error()) // its documents were checked
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

// Bounds of an event's names.
const (
	maxSource     = 1024
	maxDetailType = 512
	maxID         = 512
	maxResources  = 100
)

// refusal says why an event cannot be taken, in EventBridge's words.
func refusal(e *ebb.Event) (code, message string) {
	bad := func(name, reason string) (string, string) {
		return CodeInvalid, "Parameter " + name + " is not valid. Reason: " + reason
	}
	switch {
	case e.Source == "":
		return bad("Source", "Source is a required argument.")
	case e.DetailType == "":
		return bad("DetailType", "DetailType is a required argument.")
	case len(e.Source) > maxSource || !utf8.ValidString(e.Source):
		return bad("Source", "it is longer than 1024 bytes, or not UTF-8.")
	case len(e.DetailType) > maxDetailType || !utf8.ValidString(e.DetailType):
		return bad("DetailType", "it is longer than 512 bytes, or not UTF-8.")
	case len(e.ID) > maxID || !utf8.ValidString(e.ID):
		return bad("id", "it is longer than 512 bytes, or not UTF-8.")
	case len(e.Resources) > maxResources:
		return bad("Resources", "there are more than 100.")
	case strings.HasPrefix(e.Source, "aws.") || strings.HasPrefix(e.Source, ebb.SourcePlatform):
		return CodeSource, "Not authorized for the source."
	case !json.Valid(e.Detail):
		return CodeDetail, "Detail is malformed."
	case size(e) > MaxSize:
		return bad("Detail", "the event is larger than 262144 bytes.")
	}
	return "", ""
}

// size is how large an event is, as EventBridge counts.
func size(e *ebb.Event) int {
	const ofTime = 14
	n := ofTime + len(e.Source) + len(e.DetailType) + len(e.Detail) + len(e.Attributes)
	for _, r := range e.Resources {
		n += len(r)
	}
	return n
}

func decode(text []byte) (any, error) { return trigger.Decode(text) }
