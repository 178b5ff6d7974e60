package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	_ "embed" // triggers.json
)

// triggerShapes are the JSON Schemas of triggers, under a function and of the
// service, and of what stands in them, by name. They are generated from the types
// that the platform reads triggers into.
//
//go:embed triggers.json
var triggerShapes []byte

// Trigger is what a manifest wants one trigger to be.
type Trigger struct {
	Name     string
	Function string // that it belongs to; "" = Settings name the target
	// Qualifier is the alias or version of Function, "" = $LATEST.
	Qualifier string
	Settings  json.RawMessage // as /v1/triggers has them, without target if Function is set
	Paused    *bool           // nil = the manifest does not say: leave it as it is
	Position  Position

	places *Definition
}

var triggerNameRE = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$`)

// Problem is where and what is wrong with a trigger, of which the platform said
// it: its messages begin with a field such as timer.schedule.
func (t *Trigger) Problem(file, message string) Problem {
	p := Problem{File: file, Position: t.Position, Key: "triggers." + t.Name, Message: message}
	field, rest, ok := strings.Cut(message, ": ")
	if !ok || strings.ContainsAny(field, " \"") {
		return p
	}
	location := "/" + strings.ReplaceAll(field, ".", "/")
	p.Position = t.places.Position(location)
	p.Key, p.Message = p.Key+"."+field, rest
	return p
}

// Fill is the settings with names replaced by what they stand for, as in the
// definition of a workflow.
func (t *Trigger) Fill(value func(name string) (string, bool)) ([]byte, Problems) {
	return t.places.Fill(value)
}

// shape is as much of a JSON Schema as those of triggers use.
type shape struct {
	Ref                  string            `json:"$ref"`
	Type                 any               `json:"type"` // a name, or a list of them
	Properties           map[string]*shape `json:"properties"`
	Required             []string          `json:"required"`
	AdditionalProperties any               `json:"additionalProperties"` // false, or a schema
	Items                *shape            `json:"items"`
	Enum                 []any             `json:"enum"`
	Minimum              *float64          `json:"minimum"`
	Maximum              *float64          `json:"maximum"`
	MaxLength            *int              `json:"maxLength"`
	MaxItems             *int              `json:"maxItems"`
}

// triggers reads a list of triggers, of a function or of the service.
func (r *reader) triggers(dst *[]Trigger, function string) setter {
	return func(key string, n ast.Node) {
		list, ok := r.plain(n).(*ast.SequenceNode)
		if !ok {
			r.fail(n, key, "must be a list, but is %s", what(r.plain(n)))
			return
		}
		for i, v := range list.Values {
			if t, ok := r.trigger(fmt.Sprintf("%s[%d]", key, i), v, function); ok {
				*dst = append(*dst, t)
			}
		}
	}
}

// functionTriggers reads the triggers of a function. The defaults have none: a
// trigger has a name.
func (r *reader) functionTriggers(f *Function) setter {
	return func(key string, n ast.Node) {
		if f.Name == "" {
			r.fail(n, key, "belong under a function, or at the top of the file")
			return
		}
		r.triggers(&f.Triggers, f.Name)(key, n)
	}
}

// triggerNames refuses two triggers of one name: a service has one.
func (r *reader) triggerNames(m *Manifest) {
	seen := map[string]Position{}
	for _, t := range m.AllTriggers() {
		if at, twice := seen[t.Name]; twice {
			r.failAt(t.Position, "triggers."+t.Name, "is at %d:%d already", at.Line, at.Column)
		}
		seen[t.Name] = t.Position
	}
}

// AllTriggers are those of functions and those of the service.
func (m *Manifest) AllTriggers() (all []*Trigger) {
	for i := range m.Functions {
		for j := range m.Functions[i].Triggers {
			all = append(all, &m.Functions[i].Triggers[j])
		}
	}
	for i := range m.Triggers {
		all = append(all, &m.Triggers[i])
	}
	return all
}

// trigger reads one trigger. Everything but its name is a trigger as /v1 has it,
// and checked by the schema of that.
func (r *reader) trigger(key string, n ast.Node, function string) (t Trigger, ok bool) {
	before := len(r.problems)
	t = Trigger{Function: function, Position: position(n), places: newDefinition(r.file, nil)}
	text := r.asJSON(t.places, nil, "", n)
	var members map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&members); err != nil || members == nil {
		r.fail(n, key, "must be a mapping of keys to values, but is %s", what(r.plain(n)))
		return t, false
	}
	shapes := readShapes()
	form := "serviceTrigger"
	if function != "" {
		form = "functionTrigger"
	}
	r.shaped(t.places, shapes, shapes[form], key, "", members)
	r.oneKind(&t, shapes[form], key, members)
	if t.Name, _ = members["name"].(string); t.Name != "" && !triggerNameRE.MatchString(t.Name) {
		r.failAt(t.places.Position("/name"), key+".name", "a trigger's name is 1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first")
	}
	if len(r.problems) > before {
		return t, false
	}
	t.Qualifier, _ = members["qualifier"].(string)
	if paused, has := members["paused"].(bool); has {
		t.Paused = &paused
	}
	for _, own := range []string{"name", "qualifier", "paused"} {
		delete(members, own)
	}
	var err error
	if t.Settings, err = json.Marshal(members); err != nil {
		r.fail(n, key, "%v", err)
	}
	t.places.JSON = t.Settings
	return t, err == nil
}

// oneKind refuses a trigger without a source, and one with two.
func (r *reader) oneKind(t *Trigger, s *shape, key string, members map[string]any) {
	var kinds, given []string
	for name, of := range s.Properties {
		if strings.HasPrefix(of.Ref, kindRef) {
			kinds = append(kinds, name)
			if _, has := members[name]; has {
				given = append(given, name)
			}
		}
	}
	slices.Sort(kinds)
	if len(given) != 1 {
		r.failAt(t.Position, key, "must have one of %s; it has %d", strings.Join(kinds, ", "), len(given))
	}
}

const (
	shapeRef = "#/$defs/"
	kindRef  = shapeRef + "trigger-"
)

// readShapes decodes the schemas; a test has read them.
func readShapes() map[string]*shape {
	var shapes map[string]*shape
	if err := json.Unmarshal(triggerShapes, &shapes); err != nil {
		panic("manifest: triggers.json: " + err.Error())
	}
	return shapes
}

// failAt is fail at a place that is known.
func (r *reader) failAt(at Position, key, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: r.file, Position: at, Key: key, Message: fmt.Sprintf(format, args...)})
}

// shaped holds a value against a schema.
func (r *reader) shaped(places *Definition, shapes map[string]*shape, s *shape, key, location string, v any) {
	for s != nil && s.Ref != "" {
		s = shapes[strings.TrimPrefix(s.Ref, shapeRef)]
	}
	if s == nil {
		return // anything
	}
	fail := func(format string, args ...any) { r.failAt(places.Position(location), key, format, args...) }
	if !s.is(v) {
		fail("must be %s", s.typeText())
		return
	}
	if s.Enum != nil && !slices.Contains(s.Enum, v) {
		fail("must be %s", strings.Join(texts(s.Enum), ", "))
		return
	}
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil && (s.Minimum != nil && f < *s.Minimum || s.Maximum != nil && f > *s.Maximum) {
			fail("%s is %s", v, s.bounds())
		}
	case string:
		if s.MaxLength != nil && len(v) > *s.MaxLength {
			fail("is longer than %d bytes", *s.MaxLength)
		}
	case []any:
		if s.MaxItems != nil && len(v) > *s.MaxItems {
			fail("has %d items, more than %d", len(v), *s.MaxItems)
		}
		for i, below := range v {
			at := fmt.Sprintf("[%d]", i)
			r.shaped(places, shapes, s.Items, key+at, location+at, below)
		}
	case map[string]any:
		r.shapedObject(places, shapes, s, key, location, v)
	}
}

func (r *reader) shapedObject(places *Definition, shapes map[string]*shape, s *shape, key, location string, v map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(v)) {
		full, at := key+"."+name, location+"/"+name
		below, known := s.Properties[name]
		if !known && s.AdditionalProperties == false {
			r.failAt(places.Position(at), full, "unknown key%s", suggest(name, s.Properties))
			continue
		}
		if known {
			r.shaped(places, shapes, below, full, at, v[name])
		}
	}
	for _, name := range s.Required {
		if _, has := v[name]; !has {
			r.failAt(places.Position(location), key+"."+name, "is missing")
		}
	}
}

// is reports whether a value has the type of a schema.
func (s *shape) is(v any) bool {
	types := s.types()
	if len(types) == 0 {
		return true
	}
	var is []string
	switch v := v.(type) {
	case nil:
		is = []string{"null"}
	case bool:
		is = []string{"boolean"}
	case string:
		is = []string{"string"}
	case json.Number:
		is = []string{"number"}
		if _, err := v.Int64(); err == nil {
			is = append(is, "integer")
		}
	case []any:
		is = []string{"array"}
	case map[string]any:
		is = []string{"object"}
	}
	return slices.ContainsFunc(is, func(t string) bool { return slices.Contains(types, t) })
}

func (s *shape) types() []string {
	switch t := s.Type.(type) {
	case string:
		return []string{t}
	case []any:
		return texts(t)
	}
	return nil
}

// typeText is what a value must be, for people.
func (s *shape) typeText() string {
	words := map[string]string{"boolean": "true or false", "string": "text", "number": "a number", "integer": "a whole number",
		"array": "a list", "object": "a mapping of keys to values"}
	var all []string
	for _, t := range s.types() {
		if w := words[t]; w != "" {
			all = append(all, w)
		}
	}
	return strings.Join(all, " or ")
}

func (s *shape) bounds() string {
	switch {
	case s.Minimum == nil:
		return fmt.Sprintf("more than %v", *s.Maximum)
	case s.Maximum == nil:
		return fmt.Sprintf("less than %v", *s.Minimum)
	}
	return fmt.Sprintf("not between %v and %v", *s.Minimum, *s.Maximum)
}

func texts(values []any) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = fmt.Sprint(v)
	}
	return all
}
