package answer

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/ebb-faas/ebb/internal/asl"
)

//go:embed answers.json.gz
var packed []byte // never changed

// Shapes are what services answer.
type Shapes struct{ services map[string]service }

type service struct {
	Operations map[string]string
	Shapes     map[string]shape
}

type shape struct {
	Type     string
	Members  map[string]string
	Required []string
	Element  string
	Min, Max *float64
	Enum     []string
}

// Load unpacks the shapes.
func Load() (*Shapes, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	s := &Shapes{}
	if err := json.NewDecoder(z).Decode(&s.services); err != nil {
		return nil, err
	}
	return s, nil
}

// renamed are the services that Step Functions calls otherwise than their models.
func renamed(name string) string {
	switch name = strings.TrimPrefix(name, "aws-sdk:"); name {
	case "states", "sfn":
		return "stepfunctions"
	case "eventbridge":
		return "events"
	case "bedrock", "bedrockruntime":
		return "bedrock-runtime"
	}
	return name
}

// Check compares a mocked result of a task with what its API may answer, and
// words the first fault; "" when there is none. With strict, required members
// must be there. A task that waits for more than the API's answer (.sync,
// .waitForTaskToken) has another result, which nothing describes.
func (s *Shapes) Check(r asl.Resource, result any, strict bool) string {
	if r.Kind != "task" || r.Pattern != "" || r.API == "" {
		return ""
	}
	of, known := s.services[renamed(r.Type)]
	out, answers := of.Operations[strings.ToUpper(r.API[:1])+r.API[1:]]
	if !known || !answers {
		return ""
	}
	if _, ok := result.(*asl.Object); !ok {
		return "Mocked result must be a JSON object."
	}
	c := check{shapes: of.Shapes, strict: strict}
	if r.Type == "lambda" {
		c.open = "Payload" // the function's own JSON, not the SDK's bytes
	}
	if fault := c.value(out, "", result); fault != "" {
		return "Mock result schema validation error: " + fault
	}
	return ""
}

type check struct {
	shapes map[string]shape
	strict bool
	open   string // a field of any type
}

func (c *check) value(name, field string, v any) string {
	s := c.shapes[name]
	if v == nil || s.Type == "document" {
		return ""
	}
	must := func(what string) string { return fmt.Sprintf("Field '%s' must be %s", field, what) }
	switch s.Type {
	case "structure":
		o, ok := v.(*asl.Object)
		if !ok {
			return must("an object")
		}
		return c.structure(s, o)
	case "map":
		o, ok := v.(*asl.Object)
		if !ok {
			return must("an object")
		}
		for i := range o.Len() {
			if _, e := o.At(i); c.value(s.Element, field, e) != "" {
				return c.value(s.Element, field, e)
			}
		}
	case "list":
		all, ok := v.([]any)
		if !ok {
			return must("an array")
		}
		for _, e := range all {
			if fault := c.value(s.Element, field, e); fault != "" {
				return fault
			}
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			return must("a boolean")
		}
	case "integer", "long", "float", "double":
		n, ok := v.(asl.Number)
		if !ok {
			return must("a number")
		}
		return s.bounds(field, n.Float(), "is less than the minimum value", "exceeds the maximum value")
	default: // string, blob and timestamp
		text, ok := v.(string)
		if !ok {
			return must("a string")
		}
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, text) {
			return fmt.Sprintf("Field '%s' is not an expected value", field)
		}
		return s.bounds(field, float64(len([]rune(text))), "is smaller than the minimum length", "exceeds the maximum length")
	}
	return ""
}

func (s shape) bounds(field string, n float64, under, over string) string {
	switch {
	case s.Min != nil && n < *s.Min:
		return fmt.Sprintf("Field '%s' %s", field, under)
	case s.Max != nil && n > *s.Max:
		return fmt.Sprintf("Field '%s' %s", field, over)
	}
	return ""
}

func (c *check) structure(s shape, o *asl.Object) string {
	if c.strict {
		for _, name := range s.Required {
			_, plain := o.Get(capital(name))
			_, spelt := o.Get(spell(name))
			if !plain && !spelt {
				return fmt.Sprintf("Required field '%s' is missing", spell(name))
			}
		}
	}
	members := make(map[string]string, len(s.Members))
	for name, of := range s.Members {
		members[spell(name)], members[capital(name)] = of, of
	}
	for i := range o.Len() {
		name, v := o.At(i)
		if of, ok := members[name]; ok && name != c.open {
			if fault := c.value(of, name, v); fault != "" {
				return fault
			}
		}
	}
	return ""
}

func capital(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// spell is a member's name as SDK integrations have it: of capitals in a row at
// its beginning only the first stays, and the one that begins the next word.
// DBInstances is DbInstances, MD5OfBody is Md5OfBody, ETag is ETag.
func spell(name string) string {
	all := []rune(capital(name))
	run := 0
	for run < len(all) && unicode.IsUpper(all[run]) {
		run++
	}
	if run < len(all) && unicode.IsLower(all[run]) {
		run-- // it begins the next word
	}
	for i := 1; i < run; i++ {
		all[i] = unicode.ToLower(all[i])
	}
	return string(all)
}
