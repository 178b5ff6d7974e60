package awswire

import (
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// maxEcho bounds how many bytes of a wrong value a message repeats.
const maxEcho = 512

// Validate checks in, a pointer to the generated struct of the shape, against
// the model and reports everything wrong in one error worded as AWS does:
// "2 validation errors detected: Value 'x' at 'memorySize' failed to satisfy
// constraint: Member must have value less than or equal to 10240; …".
func (m *Model) Validate(shape string, in any) error {
	c := m.shapes[shape]
	if c == nil {
		return nil
	}
	var w walk
	w.value(c, reflect.ValueOf(in).Elem(), "")
	if len(w.faults) == 0 {
		return nil
	}
	noun := "errors"
	if len(w.faults) == 1 {
		noun = "error"
	}
	return ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "%d validation %s detected: %s",
		len(w.faults), noun, strings.Join(w.faults, "; "))
}

type walk struct{ faults []string }

func (w *walk) fault(c *compiled, v reflect.Value, path, must string) {
	shown := "Value"
	if text, ok := show(v); ok && !c.Sensitive {
		shown += " '" + text + "'"
	}
	w.faults = append(w.faults, fmt.Sprintf("%s at '%s' failed to satisfy constraint: %s", shown, path, must))
}

// value checks v, which is not nil, and what is inside it.
func (w *walk) value(c *compiled, v reflect.Value, path string) {
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if c.Fields == nil {
		for _, must := range c.broken(v) {
			w.fault(c, v, path, must)
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		w.structure(c, v, path)
	case reflect.Slice:
		if c.elem != nil {
			w.list(c, v, path)
		}
	case reflect.Map:
		w.mapping(c, v, path)
	}
}

func (w *walk) structure(c *compiled, v reflect.Value, path string) {
	for i := range c.fields {
		f, fv := &c.fields[i], v.Field(i)
		at := join(path, f.path)
		if isNil(fv) {
			if f.Required {
				w.faults = append(w.faults, "Value null at '"+at+"' failed to satisfy constraint: Member must not be null")
			}
			continue
		}
		if f.shape != nil {
			w.value(f.shape, fv, at)
		}
	}
}

// list checks the elements. A wrong element of plain values is told as a fault
// of the list with all that the element must satisfy, as AWS tells it.
func (w *walk) list(c *compiled, v reflect.Value, path string) {
	for i := range v.Len() {
		e := v.Index(i)
		if !scalar(e) {
			if !isNil(e) {
				w.value(c.elem, e, fmt.Sprintf("%s.%d.member", path, i+1))
			}
			continue
		}
		if len(c.elem.broken(e)) > 0 {
			w.fault(c, v, path, "Member must satisfy constraint: ["+c.elem.demands()+"]")
			return
		}
	}
}

func (w *walk) mapping(c *compiled, v reflect.Value, path string) {
	for _, k := range sortedKeys(v) {
		if c.key != nil && len(c.key.broken(k)) > 0 {
			w.fault(c, v, path, "Map keys must satisfy constraint: ["+c.key.demands()+"]")
			return
		}
		e := v.MapIndex(k)
		if c.elem == nil || isNil(e) {
			continue
		}
		if !scalar(e) {
			w.value(c.elem, e, path+"."+k.String()+".member")
		} else if len(c.elem.broken(e)) > 0 {
			w.fault(c, v, path, "Map value must satisfy constraint: ["+c.elem.demands()+"]")
			return
		}
	}
}

// broken lists the demands of c itself that v does not meet.
func (c *compiled) broken(v reflect.Value) []string {
	var out []string
	n, noun := measure(v)
	if c.Max != nil && n > *c.Max {
		out = append(out, bound(noun, "less", *c.Max))
	}
	if c.Min != nil && n < *c.Min {
		out = append(out, bound(noun, "greater", *c.Min))
	}
	if v.Kind() != reflect.String {
		return out
	}
	s := v.String()
	if c.re != nil && (!c.re.MatchString(s) || c.not != nil && c.not.MatchString(s)) {
		out = append(out, "Member must satisfy regular expression pattern: "+c.Pattern)
	}
	if len(c.Enum) > 0 && !contains(c.Enum, s) {
		out = append(out, "Member must satisfy enum value set: ["+strings.Join(c.Enum, ", ")+"]")
	}
	return out
}

// demands lists all that c wants of a value, the way AWS lists it for the
// elements of a list.
func (c *compiled) demands() string {
	noun := "length"
	var out []string
	if c.Max != nil {
		out = append(out, bound(noun, "less", *c.Max))
	}
	if c.Min != nil {
		out = append(out, bound(noun, "greater", *c.Min))
	}
	if c.Pattern != "" {
		out = append(out, "Member must satisfy regular expression pattern: "+c.Pattern)
	}
	if len(c.Enum) > 0 {
		out = append(out, "Member must satisfy enum value set: ["+strings.Join(c.Enum, ", ")+"]")
	}
	return strings.Join(append(out, "Member must not be null"), ", ")
}

func bound(noun, side string, limit float64) string {
	return "Member must have " + noun + " " + side + " than or equal to " + strconv.FormatFloat(limit, 'f', -1, 64)
}

// measure is what Min and Max apply to: a number's value, everything else's
// length (characters of text).
func measure(v reflect.Value) (n float64, noun string) {
	switch v.Kind() {
	case reflect.Int32, reflect.Int64:
		return float64(v.Int()), "value"
	case reflect.Float64:
		return v.Float(), "value"
	case reflect.String:
		return float64(utf8.RuneCountInString(v.String())), "length"
	case reflect.Slice, reflect.Map:
		return float64(v.Len()), "length"
	}
	return 0, "value"
}

// show renders a value as Java's toString would; not ok for what is better left
// out of a message (bytes, structures).
func show(v reflect.Value) (string, bool) {
	switch v.Kind() {
	case reflect.String, reflect.Int32, reflect.Int64, reflect.Float64, reflect.Bool:
		return clip(fmt.Sprint(v.Interface())), true
	case reflect.Slice:
		if !scalarKind(v.Type().Elem().Kind()) {
			return "", false
		}
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = fmt.Sprint(v.Index(i).Interface())
		}
		return clip("[" + strings.Join(parts, ", ") + "]"), true
	case reflect.Map:
		var parts []string
		for _, k := range sortedKeys(v) {
			parts = append(parts, fmt.Sprintf("%v=%v", k.Interface(), v.MapIndex(k).Interface()))
		}
		return clip("{" + strings.Join(parts, ", ") + "}"), true
	}
	return "", false
}

func clip(s string) string {
	if len(s) <= maxEcho {
		return s
	}
	return strings.ToValidUTF8(s[:maxEcho], "") + "…"
}

func scalar(v reflect.Value) bool { return scalarKind(v.Kind()) }

func scalarKind(k reflect.Kind) bool {
	switch k {
	case reflect.String, reflect.Int32, reflect.Int64, reflect.Float64, reflect.Bool:
		return true
	}
	return false
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return v.IsNil()
	}
	return false
}

func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	return keys
}

func contains(set []string, s string) bool {
	for _, x := range set {
		if x == s {
			return true
		}
	}
	return false
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
