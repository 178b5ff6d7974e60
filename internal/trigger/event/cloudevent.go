package event

import (
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Media types of CloudEvents.
const (
	TypeCloudEvent  = "application/cloudevents+json"
	TypeCloudEvents = "application/cloudevents-batch+json"
)

// HeaderCloudEvent is the header that tells a CloudEvent in binary mode.
const HeaderCloudEvent = "Ce-Specversion"

const specVersion = "1.0"

var attributeRE = regexp.MustCompile(`^[a-z0-9]{1,64}$`)

// attributes of a CloudEvent, and its data.
type attributes struct {
	values map[string]any // text; of JSON also numbers and booleans
	detail json.RawMessage
}

// ParseCloudEvent reads a CloudEvent as JSON (structured mode). Errors: Invalid,
// naming the attribute.
func ParseCloudEvent(text []byte) (Entry, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return Entry{}, invalid("the event is not a JSON object: %v", err)
	}
	a := attributes{values: map[string]any{}}
	data, has := members["data"]
	binary, hasBinary := members["data_base64"]
	if has && hasBinary {
		return Entry{}, invalid("data, data_base64: only one of them may be given")
	}
	delete(members, "data")
	delete(members, "data_base64")
	for name, value := range members {
		if string(value) == "null" {
			continue
		}
		var v any
		if err := json.Unmarshal(value, &v); err != nil {
			return Entry{}, err
		}
		switch v.(type) {
		case map[string]any, []any:
			return Entry{}, invalid("%.64s: an attribute is text, a number or true or false", name)
		}
		a.values[name] = v
	}
	a.detail = data
	if hasBinary {
		var encoded string
		if err := json.Unmarshal(binary, &encoded); err != nil {
			return Entry{}, invalid("data_base64: is not text")
		}
		b, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return Entry{}, invalid("data_base64: %v", err)
		}
		contentType, _ := a.values["datacontenttype"].(string)
		a.detail = detailOf(contentType, b)
	}
	return a.entry()
}

// ParseCloudEvents reads a list of CloudEvents (batched mode). Errors: Invalid.
func ParseCloudEvents(text []byte) ([]Entry, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, invalid("the batch is not a JSON list of events: %v", err)
	}
	entries := make([]Entry, len(list))
	for i, one := range list {
		var err error
		if entries[i], err = ParseCloudEvent(one); err != nil {
			if e, ok := err.(*ebb.Error); ok { //nolint:errorlint // it is ParseCloudEvent's own
				return nil, invalid("[%d]: %s", i, e.Message)
			}
			return nil, err
		}
	}
	return entries, nil
}

// ReadCloudEvent reads a CloudEvent whose attributes stand in headers (binary
// mode). Errors: Invalid, naming the attribute.
func ReadCloudEvent(h http.Header, body []byte) (Entry, error) {
	a := attributes{values: map[string]any{}}
	for header, values := range h {
		name, ok := strings.CutPrefix(strings.ToLower(header), "ce-")
		if !ok || len(values) == 0 {
			continue
		}
		value, err := url.PathUnescape(strings.Trim(values[0], `"`))
		if err != nil || !utf8.ValidString(value) {
			return Entry{}, invalid("%s: %.100q is not percent-encoded UTF-8", header, values[0])
		}
		a.values[name] = value
	}
	contentType := h.Get("Content-Type")
	if contentType != "" {
		a.values["datacontenttype"] = contentType
	}
	if len(body) > 0 {
		if isJSON(contentType) && !json.Valid(body) {
			return Entry{}, invalid("the body is not JSON, which its Content-Type says")
		}
		a.detail = detailOf(contentType, body)
	}
	return a.entry()
}

// detailOf is data as the detail of an event: itself if it is JSON, else the text
// it is, else Base64.
func detailOf(contentType string, data []byte) json.RawMessage {
	if isJSON(contentType) && json.Valid(data) {
		return data
	}
	text := string(data)
	if !utf8.Valid(data) {
		text = base64.StdEncoding.EncodeToString(data)
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		panic("event: " + err.Error()) // text is JSON
	}
	return quoted
}

// isJSON reports whether a media type says JSON, which is what none means.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (strings.HasSuffix(kind, "/json") || strings.HasSuffix(kind, "+json"))
}

// entry maps the attributes to the envelope: id, source and time to themselves,
// type to detail-type, subject to the one resource, data to detail. The others,
// and subject too, stand in cloudEvent.
func (a *attributes) entry() (Entry, error) {
	rest := map[string]any{}
	e := Entry{Once: true, Event: ebb.Event{Detail: a.detail}}
	take := map[string]*string{"id": &e.ID, "source": &e.Source, "type": &e.DetailType}
	for name, value := range a.values {
		if !attributeRE.MatchString(name) {
			return e, invalid("%.100q: an attribute's name is small letters and digits", name)
		}
		text, isText := value.(string)
		dst, core := take[name]
		switch {
		case core && (!isText || text == ""):
			return e, invalid("%s: must be text that is not empty", name)
		case core:
			*dst = text
		case name == "time":
			at, err := time.Parse(time.RFC3339Nano, text)
			if err != nil {
				return e, invalid("time: %.64q is not a time such as 2026-11-22T18:30:00Z", text)
			}
			e.Time = at
		case name == "subject" && isText:
			e.Resources = []string{text}
			rest[name] = text
		default:
			rest[name] = value
		}
	}
	if a.values["specversion"] != specVersion {
		return e, invalid("specversion: must be %s", specVersion)
	}
	for _, name := range []string{"id", "source", "type"} {
		if *take[name] == "" {
			return e, invalid("%s: missing", name)
		}
	}
	if e.Detail == nil {
		e.Detail = json.RawMessage("null")
	}
	var err error
	e.Attributes, err = json.Marshal(rest)
	return e, err
}
