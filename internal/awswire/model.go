package awswire

import (
	"fmt"
	"regexp"
	"strings"
)

// Where a member of an input or output travels. The zero value is the JSON body.
const (
	Body    Location = iota
	URI              // a {label} of the path
	Query            // the query string
	Header           // an HTTP header
	Status           // the HTTP status code, outputs only
	Payload          // the body itself, not JSON
)

// Location is one of the constants above.
type Location uint8

// Service is one wire API as the generator wrote it down. It is read-only.
type Service struct {
	Name       string // the endpoint prefix, for example lambda
	APIVersion string
	Operations []Operation
	Shapes     map[string]Shape // of the generated operations, by model name
	Errors     map[string]ErrorShape
}

// Operation is one call of a service.
type Operation struct {
	Name   string
	Method string
	Path   string // with {Label}s; may end in a literal query such as ?List=ALL
	Code   int    // HTTP status of success
	Input  string // shape name, "" = none
	Output string
	Errors []string // types the model lists for it
}

// Shape is what the model demands of one type. Only shapes that demand something
// are in the table.
type Shape struct {
	Fields    []Field  // a structure's members, in the order of the Go struct
	Key       string   // a map's key shape
	Elem      string   // a list's element or a map's value shape
	Min, Max  *float64 // bounds of the length (text, bytes, lists, maps) or of the value
	Pattern   string   // as the model writes it: a Java expression for the whole value
	RE        string   // the same for RE2, where Pattern is not that; "" = Pattern
	Not       string   // RE2 for what must not match: a lookaround in Pattern
	Enum      []string
	Sensitive bool // never echo the value
}

// Field is one member of a structure.
type Field struct {
	Name     string // model name, and Go name with a capital first letter
	Wire     string // location name when it differs from Name
	Loc      Location
	Required bool
	Shape    string // "" = nothing is demanded of it
}

// wire is the name the member has where it travels.
func (f *Field) wire() string {
	if f.Wire != "" {
		return f.Wire
	}
	return f.Name
}

// ErrorShape is how an error type looks on the wire.
type ErrorShape struct {
	Status int
	Lower  bool // the body says "message" instead of "Message"
}

// Model is a Service made ready for use. Safe for concurrent use.
type Model struct {
	svc    *Service
	shapes map[string]*compiled
}

// compiled is a Shape with its names resolved and its expressions compiled.
type compiled struct {
	*Shape
	fields    []compiledField
	key, elem *compiled
	re, not   *regexp.Regexp
}

type compiledField struct {
	*Field
	shape *compiled // nil = nothing is demanded
	path  string    // the name with a small first letter, as messages have it
}

// Compile resolves and compiles the tables of svc. An error is a fault of the
// generator, found by the tests of the package that owns the tables.
func Compile(svc *Service) (*Model, error) {
	m := &Model{svc: svc, shapes: make(map[string]*compiled, len(svc.Shapes))}
	for name := range svc.Shapes {
		m.shapes[name] = &compiled{}
	}
	for name, s := range svc.Shapes {
		if err := m.compile(m.shapes[name], s); err != nil {
			return nil, fmt.Errorf("shape %s: %w", name, err)
		}
	}
	return m, nil
}

func (m *Model) compile(c *compiled, s Shape) (err error) {
	c.Shape = &s
	if c.key, err = m.lookup(s.Key); err != nil {
		return err
	}
	if c.elem, err = m.lookup(s.Elem); err != nil {
		return err
	}
	for i := range s.Fields {
		f := compiledField{Field: &s.Fields[i], path: lowerFirst(s.Fields[i].Name)}
		if f.shape, err = m.lookup(f.Shape); err != nil {
			return err
		}
		c.fields = append(c.fields, f)
	}
	re := s.RE
	if re == "" {
		re = s.Pattern
	}
	if c.re, err = whole(re); err != nil {
		return err
	}
	c.not, err = whole(s.Not)
	return err
}

func (m *Model) lookup(name string) (*compiled, error) {
	if name == "" {
		return nil, nil
	}
	c, ok := m.shapes[name]
	if !ok {
		return nil, fmt.Errorf("no shape %q", name)
	}
	return c, nil
}

// whole compiles an expression that must match the whole value, as Java's
// String.matches does.
func whole(expr string) (*regexp.Regexp, error) {
	if expr == "" {
		return nil, nil
	}
	return regexp.Compile(`\A(?:` + expr + `)\z`)
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// Operation is the operation with a name, or nil.
func (m *Model) Operation(name string) *Operation {
	for i := range m.svc.Operations {
		if m.svc.Operations[i].Name == name {
			return &m.svc.Operations[i]
		}
	}
	return nil
}
