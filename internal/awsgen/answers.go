package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// answersFile is what -answers writes.
const answersFile = "answers.json.gz"

// packed is what the operations of a service answer.
type packed struct {
	Operations map[string]string      `json:"operations"` // name → shape
	Shapes     map[string]packedShape `json:"shapes"`
}

// packedShape is a shape as internal/asl/answer reads it.
type packedShape struct {
	Type     string            `json:"type"`
	Members  map[string]string `json:"members,omitempty"` // name → shape
	Required []string          `json:"required,omitempty"`
	Element  string            `json:"element,omitempty"` // of a list, or the values of a map
	Min      *float64          `json:"min,omitempty"`
	Max      *float64          `json:"max,omitempty"`
	Enum     []string          `json:"enum,omitempty"`
}

// writeAnswers packs the output shapes of several services into one file.
func writeAnswers(services []string, dir string) error {
	all := make(map[string]packed)
	for _, service := range services {
		path, err := findModel(service)
		if err != nil {
			return err
		}
		m, err := readModel(path)
		if err != nil {
			return err
		}
		name, _, _ := strings.Cut(service, "/")
		all[name] = m.answers()
	}
	text, err := json.Marshal(all) // maps in order, so the same bytes every time
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, answersFile), buf.Bytes(), 0o644)
}

// answers are the operations that answer anything, and the shapes they reach.
func (m *model) answers() packed {
	g := &generator{model: m}
	p := packed{Operations: make(map[string]string), Shapes: make(map[string]packedShape)}
	var reached []string
	for _, name := range m.Operations.names {
		if out := m.Operations.by[name].Output.Shape; out != "" {
			p.Operations[name] = out
			reached = g.reach(reached, out)
		}
	}
	for _, name := range reached {
		s := m.Shapes.by[name]
		o := packedShape{Type: s.Type, Required: s.Required, Min: s.Min, Max: s.Max, Enum: s.Enum, Element: s.Member.Shape + s.Value.Shape}
		if s.Document {
			o.Type = "document"
		}
		for _, member := range s.Members.names {
			if o.Members == nil {
				o.Members = make(map[string]string)
			}
			o.Members[member] = s.Members.by[member].Shape
		}
		p.Shapes[name] = o
	}
	return p
}
