package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Definition is the definition of a state machine as it was written, in JSON or
// in YAML, with the place of each of its parts.
type Definition struct {
	File   string
	JSON   []byte // the same as JSON; what stands for other names is still in it
	text   []byte // as written
	places map[string]Position
	names  map[string]Position // of what stands for other names, in YAML
}

func newDefinition(file string, text []byte) *Definition {
	return &Definition{File: file, text: text, places: map[string]Position{}, names: map[string]Position{}}
}

// nameRE is what stands for another name: ${functions.hello}.
var nameRE = regexp.MustCompile(`\$\{([A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)?)\}`)

// LoadDefinition reads a definition from a file; one whose name ends in .yaml or
// .yml is YAML.
func LoadDefinition(path string) (*Definition, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeManifestInvalid, "cannot read the definition: %w", err)
	}
	if len(text) > maxSize {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeManifestInvalid, "%s: larger than %d bytes", path, maxSize)
	}
	return ParseDefinition(path, text)
}

// ParseDefinition reads the text of a definition. What is wrong with its JSON or
// YAML is in Problems as the error's cause; its meaning is looked at by others.
func ParseDefinition(file string, text []byte) (*Definition, error) {
	d := newDefinition(file, text)
	r := &reader{file: file, anchors: map[string]ast.Node{}}
	if ext := filepath.Ext(file); ext == ".yaml" || ext == ".yml" {
		if root := r.document(text, "a definition"); root != nil {
			d.JSON = r.asJSON(d, nil, "", root)
		}
	} else if err := d.readJSON(); err != nil {
		r.problems = append(r.problems, *err)
	}
	return d, r.verdict()
}

// Position is where a part of the definition stands in the file. location is
// spelled as diagnostics have it, such as /States/A/Choices[0]/Next; a part that
// is missing is where its parent is.
func (d *Definition) Position(location string) Position {
	for {
		if p, ok := d.places[location]; ok {
			return p
		}
		cut := strings.LastIndexAny(location, "/[")
		if cut < 0 {
			return Position{Line: 1, Column: 1}
		}
		location = location[:cut]
	}
}

// Fill puts what they stand for in the place of ${NAME} and ${NAME.NAME}, and
// reports those that value does not know, each once.
func (d *Definition) Fill(value func(name string) (string, bool)) ([]byte, Problems) {
	var problems Problems
	seen := map[string]bool{}
	filled := nameRE.ReplaceAllFunc(d.JSON, func(m []byte) []byte {
		name := string(m[2 : len(m)-1])
		if v, ok := value(name); ok {
			quoted, err := json.Marshal(v)
			if err == nil {
				return quoted[1 : len(quoted)-1]
			}
		}
		if !seen[name] {
			seen[name] = true
			at, ok := d.names[name]
			if !ok {
				at = place(d.text, bytes.Index(d.text, m))
			}
			problems = append(problems, Problem{File: d.File, Position: at, Message: fmt.Sprintf("%s stands for nothing that is known", m)})
		}
		return m
	})
	return filled, problems
}

// place is the position of a byte.
func place(text []byte, offset int) Position {
	offset = max(min(offset, len(text)), 0)
	before := text[:offset]
	return Position{Line: bytes.Count(before, []byte("\n")) + 1, Column: offset - bytes.LastIndexByte(before, '\n')}
}

// readJSON notes the place of every value in a JSON text.
func (d *Definition) readJSON() *Problem {
	var whole any
	if err := json.Unmarshal(d.text, &whole); err != nil {
		at := Position{Line: 1, Column: 1}
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = place(d.text, int(e.Offset)-1)
		}
		return &Problem{File: d.File, Position: at, Message: err.Error()}
	}
	d.JSON = d.text
	w := &jsonWalk{d: d, dec: json.NewDecoder(bytes.NewReader(d.text)), lines: lineStarts(d.text)}
	if err := w.value(""); err != nil && !errors.Is(err, io.EOF) {
		return &Problem{File: d.File, Position: Position{Line: 1, Column: 1}, Message: err.Error()}
	}
	return nil
}

// jsonWalk goes through a JSON text that is known to be right.
type jsonWalk struct {
	d     *Definition
	dec   *json.Decoder
	lines []int
}

func lineStarts(text []byte) []int {
	starts := []int{0}
	for i, b := range text {
		if b == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// next is the place of the next token.
func (w *jsonWalk) next() Position {
	at := int(w.dec.InputOffset())
	for at < len(w.d.text) && strings.IndexByte(" \t\r\n,:", w.d.text[at]) >= 0 {
		at++
	}
	line, exact := slices.BinarySearch(w.lines, at)
	if !exact {
		line--
	}
	return Position{Line: line + 1, Column: at - w.lines[line] + 1}
}

// value goes through one value. A member's place is that of its key.
func (w *jsonWalk) value(location string) error {
	if _, known := w.d.places[location]; !known {
		w.d.places[location] = w.next()
	}
	open, err := w.dec.Token()
	if err != nil {
		return err
	}
	delim, _ := open.(json.Delim)
	for i := 0; delim != 0 && w.dec.More(); i++ {
		child := fmt.Sprintf("%s[%d]", location, i)
		if delim == '{' {
			at := w.next()
			key, err := w.dec.Token()
			if err != nil {
				return err
			}
			child = location + "/" + key.(string)
			w.d.places[child] = at
		}
		if err := w.value(child); err != nil {
			return err
		}
	}
	if delim != 0 {
		_, err = w.dec.Token()
	}
	return err
}

// asJSON writes a YAML node as JSON and notes the place of everything in it.
func (r *reader) asJSON(d *Definition, dst []byte, location string, n ast.Node) []byte {
	if _, known := d.places[location]; !known {
		d.places[location] = position(n)
	}
	switch v := r.plain(n).(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		dst = append(dst, '{')
		for i, e := range r.mapping(location, v) {
			if i > 0 {
				dst = append(dst, ',')
			}
			child := location + "/" + e.name
			d.places[child] = position(e.key)
			dst = append(appendText(dst, e.name), ':')
			dst = r.asJSON(d, dst, child, e.value)
		}
		return append(dst, '}')
	case *ast.SequenceNode:
		dst = append(dst, '[')
		for i, e := range v.Values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = r.asJSON(d, dst, fmt.Sprintf("%s[%d]", location, i), e)
		}
		return append(dst, ']')
	case *ast.StringNode, *ast.LiteralNode:
		s, _ := scalar(v)
		for _, m := range nameRE.FindAllStringSubmatch(s, -1) {
			if _, known := d.names[m[1]]; !known {
				d.names[m[1]] = position(n)
			}
		}
		return appendText(dst, s)
	case *ast.BoolNode:
		return strconv.AppendBool(dst, v.Value)
	case *ast.IntegerNode:
		return fmt.Append(dst, v.Value)
	case *ast.FloatNode:
		if !math.IsNaN(v.Value) && !math.IsInf(v.Value, 0) {
			return strconv.AppendFloat(dst, v.Value, 'f', -1, 64)
		}
	case *ast.NullNode, nil:
		return append(dst, "null"...)
	}
	r.fail(n, location, "cannot be written as JSON")
	return append(dst, "null"...)
}

func appendText(dst []byte, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return append(dst, `""`...)
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}
