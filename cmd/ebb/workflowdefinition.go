package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/jsonata"
	"github.com/ebb-faas/ebb/internal/manifest"
)

// source is a workflow as it stands in files: in an ebb.yaml, or a definition
// alone.
type source struct {
	manifest.Workflow
	of         *manifest.Manifest // nil: a definition alone
	definition *manifest.Definition
}

// defaultRegion and ebb.DefaultService stand in ARNs while no platform is asked.
const defaultRegion = "us-east-1"

// sourcesOf finds the workflows that a path means: a folder with an ebb.yaml or
// that file, or the file of a definition.
func sourcesOf(path string) ([]*source, error) {
	if st, err := os.Stat(path); err == nil && !st.IsDir() && filepath.Base(path) != manifest.FileName {
		d, err := manifest.LoadDefinition(path)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), ".asl")
		s := &source{definition: d, Workflow: manifest.Workflow{Name: name, Type: ebb.StateMachineStandard, Role: manifest.DefaultRole, Logging: manifest.WorkflowLogging{Level: "OFF"}}}
		return []*source{s}, nil
	}
	m, err := manifest.Load(path)
	if err != nil {
		return nil, err
	}
	var all []*source
	for i := range m.Workflows {
		s, err := sourceIn(m, &m.Workflows[i])
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, usagef("%s: has no workflows", m.Path)
	}
	return all, nil
}

func sourceIn(m *manifest.Manifest, w *manifest.Workflow) (*source, error) {
	d, err := m.Definition(w)
	if err != nil {
		return nil, &named{"workflows." + w.Name, err}
	}
	return &source{*w, m, d}, nil
}

// fill is the definition with names replaced by what they stand for in a service.
func (s *source) fill(region string, service ebb.ServiceID) ([]byte, manifest.Problems) {
	return s.definition.Fill(standsFor(region, service, s.Values))
}

// standsFor is what ${NAME} stands for in a service.
func standsFor(region string, service ebb.ServiceID, values map[string]string) func(name string) (string, bool) {
	return func(name string) (string, bool) {
		kind, of, dotted := strings.Cut(name, ".")
		switch {
		case dotted && kind == "functions":
			return ebb.FunctionARN(region, ebb.FunctionKey{Service: service, Name: of}, ""), true
		case dotted && kind == "workflows":
			return ebb.StateMachineARN(region, ebb.StateMachineKey{Service: service, Name: of}, ""), true
		case name == "service":
			return string(service), true
		case name == "region":
			return region, true
		}
		v, ok := values[name]
		return v, ok
	}
}

func invalidDefinition(problems manifest.Problems) error {
	return &ebb.Error{Kind: ebb.Invalid, Type: ebb.TypeManifestInvalid, Message: problems.Error(), Cause: problems}
}

// finding is one problem of a definition.
type finding struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Severity string `json:"severity"` // ERROR or WARNING
	Code     string `json:"code"`
	Location string `json:"location"` // such as /States/A/Next
	Message  string `json:"message"`
}

// check parses the definition and lists all that is wrong with it. The machine
// is nil when one of that is an error.
func (s *source) check() (*asl.Machine, []finding) {
	text, unknown := s.fill(defaultRegion, ebb.DefaultService)
	machine, problems := asl.Parse(text, jsonata.New(jsonata.Config{}))
	if machine != nil && s.Type == ebb.StateMachineExpress {
		problems = append(problems, machine.NotExpress()...)
	}
	var all []finding
	for _, p := range problems {
		at := s.definition.Position(p.Location)
		all = append(all, finding{s.definition.File, at.Line, at.Column, string(p.Severity), p.Code, p.Location, p.Message})
		if p.Severity == asl.SeverityError {
			machine = nil
		}
	}
	for _, p := range unknown {
		all = append(all, finding{p.File, p.Line, p.Column, string(asl.SeverityError), "UNKNOWN_NAME", "", p.Message})
		machine = nil
	}
	slices.SortStableFunc(all, func(a, b finding) int { return (a.Line-b.Line)<<16 + a.Column - b.Column })
	return machine, all
}

// notValid is why there is no machine: all the errors among what was found.
func notValid(all []finding) error {
	var problems manifest.Problems
	for _, f := range all {
		if f.Severity == string(asl.SeverityError) {
			problems = append(problems, manifest.Problem{File: f.File, Position: manifest.Position{Line: f.Line, Column: f.Column}, Key: f.Location, Message: f.Message})
		}
	}
	return invalidDefinition(problems)
}

// text is the finding as editors read it.
func (f *finding) text() string {
	p := manifest.Problem{File: f.File, Position: manifest.Position{Line: f.Line, Column: f.Column}, Key: f.Location, Message: f.Message}
	if f.Severity == string(asl.SeverityWarning) {
		p.Message = "warning: " + p.Message
	}
	return p.Error() + " (" + f.Code + ")"
}
