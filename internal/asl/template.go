package asl

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

// template is a compiled payload template of either language.
type template struct {
	constant bool // literal is all of it
	literal  any
	keys     []string    // of an object
	parts    []*template // of an object, or of an array when keys is nil
	path     *jsonPath
	call     *intrinsic
	expr     string // JSONata
	field    string // the name that causes use: first.$ or Output/result
}

// template compiles the field name of n, nil when it is absent.
func (n *node) template(field string) *template {
	return n.templateAs(field, field)
}

// templateAs is template with another name for causes.
func (n *node) templateAs(field, name string) *template {
	v, ok := n.get(field)
	if !ok {
		return nil
	}
	return n.b.template(v, n.at(field), name, n.language)
}

func (b *builder) template(v any, location, field string, language Language) *template {
	switch x := v.(type) {
	case *Object:
		t := &template{field: field, keys: make([]string, 0, x.Len())}
		constant := true
		for i := range x.Len() {
			key, e := x.At(i)
			var part *template
			if short, ok := cutSuffix(key); ok && language == JSONPath {
				if _, twice := x.Get(short); twice {
					b.errorf(CodeSchema, location, "The fields '%s' and '%s' must not be used together", short, key)
				}
				part = b.dynamic(e, location+"/"+key, key)
				key = short
			} else {
				part = b.template(e, location+"/"+key, field+"/"+key, language)
			}
			t.keys, t.parts = append(t.keys, key), append(t.parts, part)
			constant = constant && part.constant
		}
		return t.settle(constant, x)
	case []any:
		t := &template{field: field}
		constant := true
		for i, e := range x {
			part := b.template(e, fmt.Sprintf("%s[%d]", location, i), fmt.Sprintf("%s[%d]", field, i), language)
			t.parts = append(t.parts, part)
			constant = constant && part.constant
		}
		return t.settle(constant, x)
	case string:
		if language == JSONata {
			if expr, ok := b.expression(x, location); ok {
				return &template{expr: expr, field: field}
			}
		} else {
			b.suspect(x, CodeNoDollar, location, "The value '%s' looks like a path or an intrinsic function, but the name of its field does not end in '.$'")
		}
	}
	return &template{constant: true, literal: v, field: field}
}

// settle makes the template a literal when nothing in it changes.
func (t *template) settle(constant bool, v any) *template {
	if constant {
		return &template{constant: true, literal: v, field: t.field}
	}
	return t
}

// dynamic compiles the value of a field whose name ends in ".$".
func (b *builder) dynamic(v any, location, key string) *template {
	bad := &template{constant: true, field: key}
	s, ok := v.(string)
	if !ok {
		b.errorf(CodeSchema, location, "The value for the field '%s' must be a STRING that contains a JSONPath but was: %s", key, strings.ToUpper(kindOf(v)))
		return bad
	}
	if isIntrinsic(s) {
		call, err := parseIntrinsic(s)
		if err != nil {
			b.errorf(CodeSchema, location, "The value for the field '%s' must be a valid intrinsic function: %s", key, err)
			return bad
		}
		return &template{call: call, field: key}
	}
	p, err := parsePath(s)
	if err != nil {
		b.errorf(CodeSchema, location, "The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call", key)
		return bad
	}
	return &template{path: p, field: key}
}

// expression takes the JSONata out of a string, checked. ok is false for a
// string that is none.
func (b *builder) expression(s, location string) (string, bool) {
	opens, closes := strings.HasPrefix(s, "{%"), strings.HasSuffix(s, "%}")
	if !opens && !closes {
		return "", false
	}
	if !opens || !closes || len(s) < 4 || !delimited(s[2:len(s)-2]) {
		b.errorf(CodeSchema, location, "A JSONata expression must be enclosed in '{%% ' and ' %%}'")
		return "", false
	}
	expr := strings.TrimSpace(s[2 : len(s)-2])
	b.checkExpression(expr, location)
	return expr, true
}

// errorOutput is what only a Catch has.
var errorOutput = regexp.MustCompile(`\$states\s*\.\s*errorOutput\b`)

func (b *builder) checkExpression(expr, location string) {
	if err := b.m.engine.Check(expr); err != nil {
		message := err.Error()
		if own, ok := errors.AsType[*jsonata.Error](err); ok {
			message = own.Message
		}
		b.errorf(CodeInvalidJSONata, location, "%s", message)
		return
	}
	names, err := b.m.engine.Bare(expr)
	if err != nil {
		b.errorf(CodeInvalidJSONata, location, "%s", err)
	}
	for _, name := range names {
		b.errorf(CodeUnsupported, location, "Reference to '%s' at the top level is not supported.", name)
	}
	if errorOutput.MatchString(expr) && !strings.Contains(location, "/Catch[") {
		b.errorf(CodeUnsupported, location, "Reference to '$states.errorOutput' is only supported in the fields of a Catch.")
	}
}

// delimited reports whether white space separates an expression from its
// delimiters. One that begins on a line of its own must end so, too.
func delimited(inner string) bool {
	trimmed := strings.TrimSpace(inner)
	if trimmed == "" {
		return false
	}
	before := inner[:strings.Index(inner, trimmed)]
	after := inner[len(before)+len(trimmed):]
	return before != "" && after != "" && (!strings.Contains(before, "\n") || strings.Contains(after, "\n"))
}

// eval fills the template in.
func (t *template) eval(e *evaluation) (any, *failure) {
	switch {
	case t.constant:
		return t.literal, nil
	case t.path != nil:
		v, document, ok := e.lookup(t.path)
		if !ok && t.path.pastEnd(document) {
			return nil, nil
		}
		if !ok {
			return nil, failf(ErrRuntime, "The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'", t.path.text, t.field, quoteJSON(document))
		}
		return v, nil
	case t.call != nil:
		return t.call.eval(e)
	case t.expr != "":
		return e.query(t.expr, t.field)
	case t.keys == nil:
		all := make([]any, len(t.parts))
		for i, part := range t.parts {
			v, fail := part.eval(e)
			if fail != nil {
				return nil, fail
			}
			all[i] = v
		}
		return all, nil
	}
	o := jsonata.NewObject(len(t.keys))
	for i, part := range t.parts {
		v, fail := part.eval(e)
		if fail != nil {
			return nil, fail
		}
		o.Set(t.keys[i], v)
	}
	return o, nil
}
