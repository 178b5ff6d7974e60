package main

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// generator renders one model under one set of options.
type generator struct {
	*model
	options
	inputs []string // shapes reached from inputs, in order of first use
	all    []string // and from outputs
}

// check finds the shapes that are needed and refuses options that name nothing.
func (g *generator) check() error {
	for _, name := range g.operations {
		op, ok := g.Operations.by[name]
		if !ok {
			return fmt.Errorf("the model has no operation %q", name)
		}
		if op.Input.Shape != "" {
			g.inputs = g.reach(g.inputs, op.Input.Shape)
			g.all = g.reach(g.all, op.Input.Shape)
		}
		if op.Output.Shape != "" {
			g.all = g.reach(g.all, op.Output.Shape)
		}
	}
	for name := range g.limits {
		if !slices.Contains(g.inputs, name) {
			return fmt.Errorf("-set %s: no input has this shape", name)
		}
	}
	for name := range g.free {
		if !slices.Contains(g.inputs, name) {
			return fmt.Errorf("-free %s: no input has this shape", name)
		}
	}
	slices.Sort(g.inputs)
	slices.Sort(g.all)
	return nil
}

func (g *generator) reach(seen []string, name string) []string {
	if name == "" || slices.Contains(seen, name) {
		return seen
	}
	seen = append(seen, name)
	s := g.Shapes.by[name]
	for _, m := range s.Members.names {
		seen = g.reach(seen, s.Members.by[m].Shape)
	}
	for _, r := range []ref{s.Member, s.Key, s.Value} {
		seen = g.reach(seen, r.Shape)
	}
	return seen
}

// structs writes a Go struct for every structure. Members are pointers, slices
// or maps, so that absent and empty differ in both directions.
func (g *generator) structs(w *bytes.Buffer) error {
	var body bytes.Buffer
	for _, name := range g.all {
		s := g.Shapes.by[name]
		if s.Type != "structure" {
			continue
		}
		fmt.Fprintf(&body, "// %s is a structure of the service model.\ntype %s struct {\n", name, name)
		for _, m := range s.Members.names {
			r := s.Members.by[m]
			fmt.Fprintf(&body, "\t%s %s %s\n", upperFirst(m), g.member(r.Shape), tag(m, s, r))
		}
		body.WriteString("}\n\n")
	}
	if bytes.Contains(body.Bytes(), []byte("awswire.")) {
		w.WriteString("import \"github.com/ebb-faas/ebb/internal/awswire\"\n\n")
	}
	_, err := body.WriteTo(w)
	return err
}

// tag keeps what does not travel in the JSON body out of it.
func tag(name string, s shape, r ref) string {
	if r.Location != "" || s.Payload == name {
		return "`json:\"-\"`"
	}
	wire := r.LocationName
	if wire == "" && upperFirst(name) != name {
		wire = name
	}
	return "`json:\"" + wire + ",omitzero\"`"
}

// member is the Go type of a structure's member.
func (g *generator) member(name string) string {
	switch t := g.element(name); g.Shapes.by[name].Type {
	case "list", "map", "blob":
		return t
	default:
		return "*" + t
	}
}

// element is the Go type of a shape where it must be there.
func (g *generator) element(name string) string {
	s := g.Shapes.by[name]
	switch s.Type {
	case "string", "character":
		return "string"
	case "integer":
		return "int32"
	case "long":
		return "int64"
	case "float", "double":
		return "float64"
	case "boolean":
		return "bool"
	case "timestamp":
		return "awswire.Epoch"
	case "blob":
		return "[]byte"
	case "list":
		return "[]" + g.element(s.Member.Shape)
	case "map":
		return "map[string]" + g.element(s.Value.Shape)
	}
	return name
}

// tables writes the Service value: operations, constraints, errors.
func (g *generator) tables(w *bytes.Buffer) error {
	w.WriteString("import \"github.com/ebb-faas/ebb/internal/awswire\"\n\n")
	fmt.Fprintf(w, "// service is the whole API: all %d operations, the shapes of those that are\n// implemented, all errors.\nfunc service() *awswire.Service {\n\treturn &awswire.Service{\n\t\tName: %q,\n\t\tAPIVersion: %q,\n\t\tOperations: operations(),\n\t\tShapes: shapes(),\n\t\tErrors: errorShapes(),\n\t}\n}\n\n",
		len(g.Operations.names), g.Metadata.EndpointPrefix, g.Metadata.APIVersion)
	g.operationTable(w)
	if err := g.shapeTable(w); err != nil {
		return err
	}
	g.errorTable(w)
	return nil
}

func (g *generator) operationTable(w *bytes.Buffer) {
	w.WriteString("func operations() []awswire.Operation {\n\treturn []awswire.Operation{\n")
	for _, name := range g.Operations.names {
		op := g.Operations.by[name]
		code := op.HTTP.Code
		if code == 0 {
			code = 200
		}
		fmt.Fprintf(w, "{Name: %q, Method: %q, Path: %q, Code: %d", name, op.HTTP.Method, op.HTTP.URI, code)
		if op.Input.Shape != "" {
			fmt.Fprintf(w, ", Input: %q", op.Input.Shape)
		}
		if op.Output.Shape != "" {
			fmt.Fprintf(w, ", Output: %q", op.Output.Shape)
		}
		var errs []string
		for _, e := range op.Errors {
			errs = append(errs, e.Shape)
		}
		slices.Sort(errs)
		fmt.Fprintf(w, ", Errors: %#v},\n", errs)
	}
	w.WriteString("}\n}\n\n")
}

// shapeTable writes what inputs must satisfy, and the outputs that have members
// outside the body.
func (g *generator) shapeTable(w *bytes.Buffer) error {
	names := slices.Clone(g.inputs)
	for _, name := range g.operations {
		out := g.Operations.by[name].Output.Shape
		s := g.Shapes.by[out]
		for _, m := range s.Members.names {
			if (s.Members.by[m].Location != "" || s.Payload != "") && !slices.Contains(names, out) {
				names = append(names, out)
			}
		}
	}
	slices.Sort(names)
	w.WriteString("func shapes() map[string]awswire.Shape {\n\treturn map[string]awswire.Shape{\n")
	for _, name := range names {
		if !g.demands(name) {
			continue
		}
		text, err := g.shape(name, slices.Contains(g.inputs, name))
		if err != nil {
			return fmt.Errorf("shape %s: %w", name, err)
		}
		fmt.Fprintf(w, "%q: {%s},\n", name, text)
	}
	w.WriteString("}\n}\n\n")
	return nil
}

// demands says whether a shape has anything to check. A structure always has:
// the set of its members.
func (g *generator) demands(name string) bool {
	s, ok := g.Shapes.by[name]
	if !ok {
		return false
	}
	switch {
	case s.Type == "structure":
		return len(s.Members.names) > 0
	case s.Min != nil, s.Max != nil, s.Pattern != "", g.limits[name] != nil:
		return true
	case len(s.Enum) > 0:
		return !g.free[name]
	}
	return g.demands(s.Member.Shape) || g.demands(s.Key.Shape) || g.demands(s.Value.Shape)
}

func (g *generator) shape(name string, input bool) (string, error) {
	s := g.Shapes.by[name]
	if s.Type == "structure" {
		return g.fields(s, input), nil
	}
	var parts []string
	text := func(key, value string) {
		if value != "" {
			parts = append(parts, key+": "+quote(value))
		}
	}
	named := func(key, shape string) {
		if g.demands(shape) {
			text(key, shape)
		}
	}
	named("Key", s.Key.Shape)
	named("Elem", s.Member.Shape)
	named("Elem", s.Value.Shape)
	for _, side := range []string{"min", "max"} {
		n := map[string]*float64{"min": s.Min, "max": s.Max}[side]
		if v, ok := g.limits[name][side]; ok {
			n = &v
		}
		if n != nil {
			parts = append(parts, upperFirst(side)+": new("+number(*n)+")")
		}
	}
	if s.Pattern != "" && !g.free[name] {
		e, err := translate(s.Pattern)
		if err != nil {
			return "", err
		}
		text("Pattern", s.Pattern)
		text("RE", e.re)
		text("Not", e.not)
	}
	if len(s.Enum) > 0 && !g.free[name] {
		parts = append(parts, fmt.Sprintf("Enum: %#v", s.Enum))
	}
	if s.Sensitive {
		parts = append(parts, "Sensitive: true")
	}
	return strings.Join(parts, ", "), nil
}

func (g *generator) fields(s shape, input bool) string {
	var b strings.Builder
	b.WriteString("Fields: []awswire.Field{\n")
	for _, m := range s.Members.names {
		r := s.Members.by[m]
		fmt.Fprintf(&b, "{Name: %q", m)
		if r.LocationName != "" && r.LocationName != m {
			fmt.Fprintf(&b, ", Wire: %q", r.LocationName)
		}
		loc := map[string]string{"uri": "URI", "querystring": "Query", "header": "Header", "statusCode": "Status"}[r.Location]
		if s.Payload == m {
			loc = "Payload"
		}
		if loc != "" {
			b.WriteString(", Loc: awswire." + loc)
		}
		if input && slices.Contains(s.Required, m) {
			b.WriteString(", Required: true")
		}
		if input && g.demands(r.Shape) {
			fmt.Fprintf(&b, ", Shape: %q", r.Shape)
		}
		b.WriteString("},\n")
	}
	b.WriteString("}")
	return b.String()
}

func (g *generator) errorTable(w *bytes.Buffer) {
	w.WriteString("func errorShapes() map[string]awswire.ErrorShape {\n\treturn map[string]awswire.ErrorShape{\n")
	names := slices.Clone(g.Shapes.names)
	slices.Sort(names)
	for _, name := range names {
		s := g.Shapes.by[name]
		if !s.Exception {
			continue
		}
		status := s.Error.Status
		if status == 0 {
			status = 400 // the json protocol's models leave the common one out
		}
		lower := ""
		if _, ok := s.Members.by["message"]; ok {
			lower = ", Lower: true"
		}
		fmt.Fprintf(w, "%q: {Status: %d%s},\n", name, status, lower)
	}
	w.WriteString("}\n}\n")
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func quote(s string) string {
	if strconv.CanBackquote(s) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

func number(n float64) string {
	s := strconv.FormatFloat(n, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
