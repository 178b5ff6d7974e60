package trigger

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Bounds of an input, EventBridge's.
const (
	MaxInput     = 8192 // bytes of a constant or a template
	MaxVariables = 100
	maxPathText  = 256
)

// Variables that every template has.
const (
	reserved       = "aws.events."
	varRuleARN     = "aws.events.rule-arn"
	varRuleName    = "aws.events.rule-name"
	varIngestion   = "aws.events.event.ingestion-time"
	varEvent       = "aws.events.event"      // without its detail
	varEventWhole  = "aws.events.event.json" // all of it
	ingestionStyle = "2006-01-02T15:04:05.000Z"
)

var (
	variableRE    = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	placeholderRE = regexp.MustCompile(`^<([a-zA-Z0-9_.-]+)>`)
)

// RuleARN names a trigger as EventBridge names a rule.
func RuleARN(region string, key ebb.TriggerKey) string {
	return "arn:aws:events:" + region + ":" + string(key.Service) + ":rule/" + key.Name
}

// checkInput refuses an input that no event could be made of.
func checkInput(t *ebb.Trigger) error {
	in := &t.Input
	if in.IsZero() {
		return nil
	}
	if t.Kind == ebb.TriggerHTTP || t.Kind == ebb.TriggerKafka {
		return invalid("inputPath, input, inputTransformer: a %s trigger's target gets the event itself", t.Kind)
	}
	set := 0
	for _, is := range []bool{in.InputPath != "", in.Input != nil, in.InputTransformer != nil} {
		if is {
			set++
		}
	}
	if set > 1 {
		return invalid("inputPath, input, inputTransformer: only one of them may be given")
	}
	if in.InputPath != "" {
		if _, ok := parsePath(in.InputPath); !ok || len(in.InputPath) > maxPathText {
			return invalid("inputPath: %.100q is not a JSON path such as $.detail", in.InputPath)
		}
	}
	if len(in.Input) > MaxInput {
		return invalid("input: %d bytes are more than %d", len(in.Input), MaxInput)
	}
	if in.InputTransformer != nil {
		return checkTransformer(in.InputTransformer)
	}
	return nil
}

func checkTransformer(x *ebb.InputTransformer) error {
	const field = "inputTransformer."
	switch {
	case x.InputTemplate == "":
		return invalid(field + "inputTemplate: missing")
	case len(x.InputTemplate) > MaxInput:
		return invalid(field+"inputTemplate: %d bytes are more than %d", len(x.InputTemplate), MaxInput)
	case len(x.InputPathsMap) > MaxVariables:
		return invalid(field+"inputPathsMap: %d variables are more than %d", len(x.InputPathsMap), MaxVariables)
	}
	for name, text := range x.InputPathsMap {
		if !variableRE.MatchString(name) || strings.HasPrefix(strings.ToLower(name), "aws") {
			return invalid(field+"inputPathsMap: %.100q is not a variable's name: letters, digits, - and _, not beginning with aws", name)
		}
		if _, ok := parsePath(text); !ok || len(text) > maxPathText {
			return invalid(field+"inputPathsMap.%s: %.100q is not a JSON path such as $.detail", name, text)
		}
	}
	made, unknown := expand(x.InputTemplate, func(name string) (any, bool) {
		_, own := x.InputPathsMap[name]
		return "", own || known(name)
	})
	if unknown != "" {
		return invalid(field+"inputTemplate: <%s> is not in inputPathsMap", unknown)
	}
	if !json.Valid(made) {
		return invalid(field + "inputTemplate: is not JSON once its variables are filled in; text must stand in quotes")
	}
	return nil
}

func known(name string) bool {
	switch name {
	case varRuleARN, varRuleName, varIngestion, varEvent, varEventWhole:
		return true
	}
	return false
}

// Input is what the target of t gets for an event that came at a moment.
func Input(t *ebb.Trigger, region string, at time.Time, event []byte) ([]byte, error) {
	in := &t.Input
	if in.IsZero() {
		return event, nil
	}
	if in.Input != nil {
		return in.Input, nil
	}
	doc, err := Decode(event)
	if err != nil {
		return nil, invalid("the event is not JSON, and the trigger's input needs that: %v", err)
	}
	if in.InputPath != "" {
		p, _ := parsePath(in.InputPath) // was checked
		v, _ := p.find(doc)
		return encode(v), nil
	}
	x := in.InputTransformer
	made, _ := expand(x.InputTemplate, func(name string) (any, bool) {
		switch name {
		case varRuleARN:
			return RuleARN(region, t.TriggerKey), true
		case varRuleName:
			return t.Name, true
		case varIngestion:
			return at.UTC().Format(ingestionStyle), true
		case varEventWhole:
			return doc, true
		case varEvent:
			return without(doc, "detail"), true
		}
		p, _ := parsePath(x.InputPathsMap[name])
		if v, ok := p.find(doc); ok {
			return v, true
		}
		return "", true
	})
	if !json.Valid(made) {
		return nil, invalid("inputTransformer: what it makes of the event is not JSON")
	}
	return made, nil
}

// expand fills in a template. Outside of quotes a variable is its value as JSON.
// Within them it is the text of it; of an object or a list, its JSON without
// quotes. unknown is a name that value does not know.
func expand(template string, value func(name string) (any, bool)) (made []byte, unknown string) {
	var out bytes.Buffer
	quoted := false
	for i := 0; i < len(template); {
		c := template[i]
		if m := placeholderRE.FindStringSubmatch(template[i:]); c == '<' && m != nil {
			v, ok := value(m[1])
			if !ok {
				return nil, m[1]
			}
			if quoted {
				out.Write(inText(v))
			} else {
				out.Write(encode(v))
			}
			i += len(m[0])
			continue
		}
		if c == '\\' && quoted && i+1 < len(template) {
			out.WriteString(template[i : i+2])
			i += 2
			continue
		}
		if c == '"' {
			quoted = !quoted
		}
		out.WriteByte(c)
		i++
	}
	return out.Bytes(), ""
}

// inText is a value within a JSON string.
func inText(v any) []byte {
	text, ok := v.(string)
	if !ok {
		text = strings.ReplaceAll(string(encode(v)), `"`, "")
	}
	b := encode(text)
	return b[1 : len(b)-1]
}

// encode is a decoded value as JSON, its text as it was.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // it was JSON
		panic("trigger: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// without is an object without one of its members.
func without(v any, name string) any {
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	rest := make(map[string]any, len(object))
	for k, below := range object {
		if k != name {
			rest[k] = below
		}
	}
	return rest
}
