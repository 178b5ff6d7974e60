package trigger

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/pattern"
)

// Filter decides which events of a trigger are delivered: those that one of its
// patterns asks for, all if it has none. It is safe for concurrent use.
//
// What a pattern sees is the event as the target gets it, as JSON; where a source
// hands over bytes (the key and the value of a Kafka record), it sees what Data
// makes of them.
type Filter struct{ patterns []*pattern.Pattern }

// NewFilter compiles the filters of a trigger. Errors: Invalid, naming the filter.
func NewFilter(t *ebb.Trigger) (*Filter, error) {
	if len(t.Filters) > MaxFilters {
		return nil, invalid("filters: %d are more than %d", len(t.Filters), MaxFilters)
	}
	f := new(Filter)
	for i, text := range t.Filters {
		p, err := pattern.Compile(text)
		if err != nil {
			return nil, invalid("filters[%d]: %v", i, err)
		}
		f.patterns = append(f.patterns, p)
	}
	return f, nil
}

// Match decides on an event that is JSON. What is no JSON matches only a trigger
// without filters.
func (f *Filter) Match(event []byte) bool {
	if len(f.patterns) == 0 {
		return true
	}
	v, err := Decode(event)
	return err == nil && f.MatchValue(v)
}

// MatchValue decides on an event as Decode, or a source with Data, made it. One
// goroutine at a time may match one event.
func (f *Filter) MatchValue(event any) bool {
	return len(f.patterns) == 0 || slices.ContainsFunc(f.patterns, func(p *pattern.Pattern) bool { return p.MatchValue(event) })
}

// Decode reads an event for MatchValue.
func Decode(event []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(event))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, io.ErrUnexpectedEOF
	}
	return v, nil
}

// Data is bytes of a source as filters see them: the object or list that they
// spell as JSON, else the text that they are.
func Data(b []byte) any {
	if text := bytes.TrimLeft(b, " \t\r\n"); len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		if v, err := Decode(text); err == nil {
			return v
		}
	}
	return string(b)
}
