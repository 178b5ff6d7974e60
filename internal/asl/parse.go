package asl

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

// MaxDefinition is how many bytes a definition may have.
const MaxDefinition = 1 << 20

// Parse reads a definition. It reports all problems at once, in the order of the
// definition; the machine is nil when one of them is an error. engine evaluates
// JSONata, here and in the machine.
func Parse(definition []byte, engine *jsonata.Engine) (*Machine, []Diagnostic) {
	b := &builder{m: &Machine{engine: engine, Language: JSONPath}, names: make(map[string]bool)}
	if len(definition) > MaxDefinition {
		b.errorf(CodeSchema, "", "The definition has more than %d bytes", MaxDefinition)
		return nil, b.diagnostics
	}
	if text := bytes.TrimSpace(definition); len(text) == 0 || string(text) == "null" {
		b.errorf(CodeMissing, "", "The definition is empty")
		return nil, b.diagnostics
	}
	v, err := jsonata.ParseJSON(definition)
	if err != nil {
		b.errorf(CodeInvalidJSON, "", "%s", err)
		return nil, b.diagnostics
	}
	o, ok := v.(*Object)
	if !ok {
		b.errorf(CodeSchema, "", "The definition must be an object")
		return nil, b.diagnostics
	}
	b.machine(o)
	if !valid(b.diagnostics) {
		return nil, b.diagnostics
	}
	return b.m, b.diagnostics
}

type builder struct {
	m           *Machine
	diagnostics []Diagnostic
	names       map[string]bool // of all states, which are unique
	labels      map[string]bool // of all Map states, which are unique
	depth       int             // of states within states
}

// maxDepth is how deeply states may be nested within Map and Parallel states.
const maxDepth = 100

func (b *builder) errorf(code, location, format string, args ...any) {
	b.diagnostics = append(b.diagnostics, Diagnostic{SeverityError, code, fmt.Sprintf(format, args...), location})
}

func (b *builder) machine(o *Object) {
	n := b.node(o, "", JSONPath)
	b.m.Comment, _ = n.str("Comment")
	if v, ok := n.str("Version"); ok && v != "1.0" {
		b.errorf(CodeSchema, "/Version", "Value is not valid. Allowed values: [1.0]")
	}
	if l, ok := n.str("QueryLanguage"); ok {
		b.m.Language = n.languageOf(l)
	}
	n.language = b.m.Language
	if t := n.integer("TimeoutSeconds", 1, 99999999); t != nil {
		b.m.TimeoutSeconds = *t
	}
	b.program(n, b.m.Language)
	n.done()
	if b.sound(b.m.programs[0], "") && !b.hasTerminal(b.m.programs[0]) {
		b.errorf(CodeMissingEnd, "", "Workflow has no terminal state")
	}
}

// program reads StartAt and States of n into a new program.
func (b *builder) program(n *node, language Language) *program {
	p := &program{index: len(b.m.programs), states: make(map[string]*state)}
	b.m.programs = append(b.m.programs, p)
	if b.depth++; b.depth > maxDepth {
		b.errorf(CodeTooDeep, n.location, "States are nested more than %d deep", maxDepth)
		return p
	}
	defer func() { b.depth-- }()
	start, ok := n.requiredString("StartAt")
	p.startAt = start
	states := n.object("States")
	if states == nil {
		if !n.has("States") {
			n.required("States")
		}
		return p
	}
	if states.Len() == 0 {
		b.errorf(CodeSchema, n.at("States"), "There must be at least one state")
	}
	for i := range states.Len() {
		name, v := states.At(i)
		at := n.at("States") + "/" + name
		if utf8.RuneCountInString(name) > 80 || name == "" {
			b.errorf(CodeStateName, at, "State name must have 1 to 80 characters")
		}
		if b.names[name] {
			b.errorf(CodeDuplicateState, at, "Duplicate State name: %s", name)
		}
		b.names[name] = true
		so, isObject := v.(*Object)
		if !isObject {
			b.errorf(CodeSchema, at, "Value is not an object")
			continue
		}
		p.states[name] = b.state(name, so, at, language)
		p.order = append(p.order, name)
	}
	b.transitions(p, n, ok)
	return p
}

// transition is one way out of a state.
type transition struct{ to, field string }

func (st *state) transitions() []transition {
	var all []transition
	if st.next != "" {
		all = append(all, transition{st.next, "Next"})
	}
	for i, c := range st.choices {
		all = append(all, transition{c.next, fmt.Sprintf("Choices[%d]/Next", i)})
	}
	if st.fallback != "" {
		all = append(all, transition{st.fallback, "Default"})
	}
	for i, c := range st.catch {
		all = append(all, transition{c.next, fmt.Sprintf("Catch[%d]/Next", i)})
	}
	return all
}

// transitions checks that every target exists and every state is reached.
func (b *builder) transitions(p *program, n *node, hasStart bool) {
	if _, ok := p.states[p.startAt]; hasStart && !ok {
		b.errorf(CodeMissingTransition, n.at("StartAt"), "Missing 'Next' target: %s", p.startAt)
	}
	for _, name := range p.order {
		for _, t := range p.states[name].transitions() {
			if _, ok := p.states[t.to]; !ok && t.to != "" {
				b.errorf(CodeMissingTransition, n.at("States")+"/"+name+"/"+t.field, "Missing 'Next' target: %s", t.to)
			}
		}
	}
	if n.location != "" && !b.hasTerminal(p) && len(p.order) > 0 {
		b.errorf(CodeMissingEnd, n.location, "Workflow has no terminal state")
		return
	}
	if !b.hasTerminal(p) {
		return // told once, for the whole definition
	}
	reached := p.reachable()
	for _, name := range p.order {
		if !reached[name] {
			b.errorf(CodeMissingTransition, n.at("States")+"/"+name, "State \"%s\" is not reachable.", name)
		}
	}
}

func (p *program) reachable() map[string]bool {
	reached := make(map[string]bool, len(p.states))
	queue := []string{p.startAt}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		s, ok := p.states[name]
		if !ok || reached[name] {
			continue
		}
		reached[name] = true
		for _, t := range s.transitions() {
			queue = append(queue, t.to)
		}
	}
	return reached
}

func (b *builder) hasTerminal(p *program) bool {
	for _, s := range p.states {
		if s.end || s.kind == typeSucceed || s.kind == typeFail {
			return true
		}
	}
	return false
}

// sound reports whether a program has states at all; without them other
// problems were told.
func (b *builder) sound(p *program, _ string) bool { return len(p.order) > 0 }

// node reads the fields of one object and remembers which it has read.
type node struct {
	b        *builder
	o        *Object
	location string
	language Language
	used     map[string]bool
}

func (b *builder) node(o *Object, location string, language Language) *node {
	return &node{b, o, location, language, make(map[string]bool, o.Len())}
}

func (n *node) at(field string) string { return n.location + "/" + field }

func (n *node) has(field string) bool {
	_, ok := n.o.Get(field)
	return ok
}

func (n *node) get(field string) (any, bool) {
	v, ok := n.o.Get(field)
	if ok {
		n.used[field] = true
	}
	return v, ok
}

func (n *node) errorf(field, format string, args ...any) {
	at := n.location
	if field != "" {
		at = n.at(field)
	}
	n.b.errorf(CodeSchema, at, format, args...)
}

// warnf is about what AWS may refuse and ebb can run.
func (n *node) warnf(field, format string, args ...any) {
	at := n.location
	if field != "" {
		at = n.at(field)
	}
	n.b.diagnostics = append(n.b.diagnostics, Diagnostic{SeverityWarning, CodeSchema, fmt.Sprintf(format, args...), at})
}

func (n *node) required(fields ...string) {
	n.errorf("", "These fields are required: [%s]", strings.Join(fields, ", "))
}

func (n *node) oneOf(fields ...string) {
	count := 0
	for _, f := range fields {
		if n.has(f) {
			count++
		}
	}
	if count > 1 {
		n.errorf("", "There should only be one of the following fields: [%s]", strings.Join(fields, ", "))
	}
}

func (n *node) str(field string) (string, bool) {
	v, ok := n.get(field)
	if !ok {
		return "", false
	}
	s, ok := v.(string)
	if !ok {
		n.errorf(field, "Value is not a string")
	}
	return s, ok
}

func (n *node) requiredString(field string) (string, bool) {
	if !n.has(field) {
		n.required(field)
		return "", false
	}
	s, ok := n.str(field)
	if ok && s == "" {
		n.errorf(field, "Value must not be empty")
		return "", false
	}
	return s, ok
}

func (n *node) boolean(field string) bool {
	v, ok := n.get(field)
	if !ok {
		return false
	}
	t, ok := v.(bool)
	if !ok {
		n.errorf(field, "Value is not a boolean")
	}
	return t
}

func (n *node) integer(field string, low, high int64) *int64 {
	v, ok := n.get(field)
	if !ok {
		return nil
	}
	num, _ := v.(Number)
	i, isInt := num.Int()
	if !isInt {
		if f := num.Float(); num != "" && f == float64(int64(f)) {
			i, isInt = int64(f), true
		}
	}
	switch {
	case !isInt:
		n.errorf(field, "Value is not an integer")
		return nil
	case i < low:
		n.errorf(field, "Minimum value is %d", low)
		return nil
	case i > high:
		n.errorf(field, "Maximum value is %d", high)
		return nil
	}
	return &i
}

func (n *node) object(field string) *Object {
	v, ok := n.get(field)
	if !ok {
		return nil
	}
	o, ok := v.(*Object)
	if !ok {
		n.errorf(field, "Value is not an object")
		return nil
	}
	return o
}

// list reads an array of objects and calls f for each.
func (n *node) list(field string, f func(e *node)) {
	v, ok := n.get(field)
	if !ok {
		return
	}
	all, ok := v.([]any)
	if !ok {
		n.errorf(field, "Value is not an array")
		return
	}
	for i, e := range all {
		at := fmt.Sprintf("%s[%d]", n.at(field), i)
		o, ok := e.(*Object)
		if !ok {
			n.b.errorf(CodeSchema, at, "Value is not an object")
			continue
		}
		f(n.b.node(o, at, n.language))
	}
}

func (n *node) languageOf(l string) Language {
	if l != string(JSONPath) && l != string(JSONata) {
		n.errorf("QueryLanguage", "Value is not valid. Allowed values: [JSONPath, JSONata]")
		return JSONPath
	}
	return Language(l)
}

// pathFields are of the JSONPath language alone, dataFields of JSONata alone.
var (
	pathFields = []string{
		"InputPath", "OutputPath", "ResultPath", "ResultSelector", "Parameters", "ItemsPath", "Result", "Variable",
		"SecondsPath", "TimestampPath", "TimeoutSecondsPath", "HeartbeatSecondsPath", "ErrorPath", "CausePath",
		"MaxConcurrencyPath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath",
		"MaxItemsPath", "MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath",
	}
	dataFields = []string{"Arguments", "Output", "Condition"}
)

// done reports the fields that nobody read.
func (n *node) done() {
	for _, field := range n.o.Keys() {
		switch {
		case n.used[field] || field == "Comment":
		case n.language == JSONata && slices.Contains(pathFields, field):
			n.errorf("", "The QueryLanguage is set to 'JSONata', but field '%s' is only supported for the 'JSONPath' QueryLanguage", field)
		case n.language == JSONPath && slices.Contains(dataFields, field):
			n.errorf("", "The QueryLanguage is set to 'JSONPath', but field '%s' is only supported for the 'JSONata' QueryLanguage", field)
		default:
			n.errorf("", "Field '%s' is not supported", field)
		}
	}
}
