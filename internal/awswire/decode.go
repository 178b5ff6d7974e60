package awswire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Decode fills in, a pointer to the generated struct of the shape, from the
// request's path labels (r.PathValue), query, headers and JSON body, and
// validates it. The bytes of body may be referred to by in.
func (m *Model) Decode(shape string, r *http.Request, body []byte, in any) error {
	c := m.shapes[shape]
	if c == nil {
		return nil
	}
	if err := m.decodeBody(c, body, in); err != nil {
		return err
	}
	v := reflect.ValueOf(in).Elem()
	var query url.Values
	for i := range c.fields {
		f := &c.fields[i]
		var values []string
		switch f.Loc {
		case URI:
			values = []string{r.PathValue(f.wire())}
		case Query:
			if query == nil {
				query = r.URL.Query()
			}
			values = query[f.wire()]
		case Header:
			values = r.Header.Values(f.wire())
		case Payload:
			if len(body) > 0 {
				v.Field(i).SetBytes(body)
			}
		}
		if len(values) == 0 {
			continue
		}
		if err := set(v.Field(i), values, f.Name); err != nil {
			return err
		}
	}
	return m.Validate(shape, in)
}

// set gives a member that travels outside the body its value.
func set(v reflect.Value, values []string, name string) error {
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String {
		for _, s := range values {
			v.Set(reflect.Append(v, reflect.ValueOf(s).Convert(v.Type().Elem())))
		}
		return nil
	}
	p := reflect.New(v.Type().Elem())
	var err error
	switch e := p.Elem(); e.Kind() {
	case reflect.String:
		e.SetString(values[0])
	case reflect.Int32, reflect.Int64:
		var n int64
		n, err = strconv.ParseInt(values[0], 10, e.Type().Bits())
		e.SetInt(n)
	case reflect.Float64:
		var n float64
		n, err = strconv.ParseFloat(values[0], 64)
		e.SetFloat(n)
	case reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(values[0])
		e.SetBool(b)
	default:
		err = errors.ErrUnsupported
	}
	if err != nil {
		return ebb.Errorf(ebb.Invalid, ebb.TypeSerialization, "%s: %q is not %s", name, clip(values[0]), article(p.Elem().Type()))
	}
	v.Set(p)
	return nil
}

func (m *Model) decodeBody(c *compiled, body []byte, in any) error {
	has := false
	for i := range c.fields {
		if c.fields[i].Loc == Payload {
			return nil
		}
		has = has || c.fields[i].Loc == Body
	}
	body = bytes.TrimSpace(body)
	if !has || len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, in); err != nil {
		return badBody(err)
	}
	return unknown(c, reflect.TypeOf(in).Elem(), body, "")
}

// raw is a slice of the document being read, not a copy: packages travel inside
// JSON and are tens of megabytes long.
type raw []byte

func (r *raw) UnmarshalJSON(b []byte) error { *r = b; return nil }

// unknown refuses members that the model does not have, anywhere in the
// document: what ebb does not understand it must not pretend to have done.
func unknown(c *compiled, t reflect.Type, doc []byte, path string) error {
	if len(doc) == 0 || doc[0] != '{' {
		return nil
	}
	var members map[string]raw
	if err := json.Unmarshal(doc, &members); err != nil {
		return badBody(err)
	}
	for name, value := range members {
		i := c.member(name)
		if i < 0 {
			return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
				"%s: this member is not known here; leave it out", join(path, clip(name)))
		}
		f := &c.fields[i]
		ft := t.Field(i).Type
		if f.shape == nil || f.shape.Fields == nil || ft.Kind() != reflect.Pointer || ft.Elem().Kind() != reflect.Struct {
			if err := unknownInList(f, ft, value, join(path, name)); err != nil {
				return err
			}
			continue
		}
		if err := unknown(f.shape, ft.Elem(), value, join(path, name)); err != nil {
			return err
		}
	}
	return nil
}

// unknownInList does the same for the structures in a list.
func unknownInList(f *compiledField, t reflect.Type, doc []byte, path string) error {
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Struct || f.shape == nil || f.shape.elem == nil {
		return nil
	}
	var items []raw
	if err := json.Unmarshal(doc, &items); err != nil {
		return badBody(err)
	}
	for i, item := range items {
		if err := unknown(f.shape.elem, t.Elem(), item, path+"."+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	return nil
}

// member finds a body member by its wire name, as encoding/json does: letters'
// case does not matter.
func (c *compiled) member(name string) int {
	for i := range c.fields {
		if c.fields[i].Loc == Body && strings.EqualFold(c.fields[i].wire(), name) {
			return i
		}
	}
	return -1
}

// badBody words what encoding/json found.
func badBody(err error) error {
	var wrong *json.UnmarshalTypeError
	var b64 base64.CorruptInputError
	switch {
	case errors.As(err, &wrong):
		at := wrong.Field
		if at == "" {
			at = "request body"
		}
		value, _, _ := strings.Cut(wrong.Value, " ")
		return ebb.Errorf(ebb.Invalid, ebb.TypeSerialization, "%s: %s_VALUE can not be converted to %s",
			at, strings.ToUpper(value), article(wrong.Type))
	case errors.As(err, &b64):
		return ebb.Errorf(ebb.Invalid, ebb.TypeSerialization, "a member that holds bytes is not base64: wrong at byte %d of it", int64(b64))
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("it ends too early")
	}
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidRequestContent, "Could not parse request body into json: %v", err)
}

func article(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "a String"
	case reflect.Int32:
		return "an Integer"
	case reflect.Int64:
		return "a Long"
	case reflect.Float64:
		return "a Double"
	case reflect.Bool:
		return "a Boolean"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes in base64"
		}
		return "a List"
	case reflect.Map:
		return "a Map"
	}
	return "a Structure"
}
