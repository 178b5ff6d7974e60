package manifest

import (
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/goccy/go-yaml/ast"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Workflow is what a manifest wants one state machine to be.
type Workflow struct {
	Name     string
	File     string      // of the definition, relative to Manifest.Dir or absolute; "" = it stands in the manifest
	Inline   *Definition // nil = it is in File
	Type     string      // ebb.StateMachineStandard or ebb.StateMachineExpress
	Role     string      // name or ARN
	Logging  WorkflowLogging
	Tracing  bool
	Tags     map[string]string
	Values   map[string]string // what ${NAME} in the definition stands for
	Aliases  []Alias           // those that are not named are left as they are
	Position Position
}

// WorkflowLogging is how much of its executions a state machine logs.
type WorkflowLogging struct {
	Level string // OFF, ERROR, FATAL or ALL
	Data  bool   // inputs and outputs too
	LogTo string // the ARN of a log group; "" = one of the state machine's name
}

// Levels of a state machine's log.
const logOff = "OFF"

var (
	valueNameRE = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)
	logGroupRE  = regexp.MustCompile(`^arn:[a-z-]+:logs:[a-z0-9-]+:\d{12}:log-group:[^:*]+:\*$`)
)

// RoleARN is the ARN of the state machine's role in a service.
func (w *Workflow) RoleARN(service ebb.ServiceID) string {
	return (&Function{Role: w.Role}).RoleARN(service)
}

// Definition reads the definition of a workflow.
func (m *Manifest) Definition(w *Workflow) (*Definition, error) {
	if w.Inline != nil {
		return w.Inline, nil
	}
	file := w.File
	if !filepath.IsAbs(file) {
		file = filepath.Join(m.Dir, file)
	}
	return LoadDefinition(file)
}

// Workflow returns the workflow of that name, or nil.
func (m *Manifest) Workflow(name string) *Workflow {
	for i := range m.Workflows {
		if m.Workflows[i].Name == name {
			return &m.Workflows[i]
		}
	}
	return nil
}

// workflows reads the workflows section.
func (r *reader) workflows(m *Manifest, n ast.Node) {
	for _, e := range r.mapping("workflows", n) {
		key := "workflows." + e.name
		w := Workflow{Name: e.name, Type: ebb.StateMachineStandard, Role: DefaultRole, Position: position(e.key), Logging: WorkflowLogging{Level: logOff}}
		if !ebb.ValidStatesName(e.name) {
			r.fail(e.key, key, "a workflow's name is 1 to 80 characters without spaces, brackets and wildcards")
			continue
		}
		if v, ok := r.plain(e.value).(*ast.StringNode); ok {
			r.notEmpty(&w.File)(key, v)
		} else {
			r.fields(key, e.value, r.workflow(&w))
		}
		if w.File == "" && w.Inline == nil {
			r.fail(e.key, key+".definition", "is missing: name the file of the definition, or write it here")
		}
		if len(w.Tags) > maxTags {
			r.fail(e.key, key+".tags", "more than %d tags", maxTags)
		}
		m.Workflows = append(m.Workflows, w)
	}
}

// workflow is the table of a workflow's keys.
func (r *reader) workflow(w *Workflow) map[string]setter {
	return map[string]setter{
		"definition": r.definition(w),
		"type":       r.oneOf(&w.Type, ebb.StateMachineStandard, ebb.StateMachineExpress),
		"role":       r.role(&w.Role),
		"logging":    r.logging(&w.Logging),
		"tracing":    r.yesNo(&w.Tracing),
		"tags":       r.table(&w.Tags, tagName),
		"values":     r.table(&w.Values, valueName),
		"aliases":    r.workflowAliases(&w.Aliases),
	}
}

func valueName(name string) string {
	if !valueNameRE.MatchString(name) {
		return "a value's name is a letter, then letters, digits, - or _"
	}
	return ""
}

// definition reads the name of a file, or a definition.
func (r *reader) definition(w *Workflow) setter {
	return func(key string, n ast.Node) {
		switch v := r.plain(n).(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
			w.Inline = newDefinition(r.file, nil)
			w.Inline.JSON = r.asJSON(w.Inline, nil, "", v)
		default:
			r.notEmpty(&w.File)(key, n)
		}
	}
}

// logging reads a level, or a mapping.
func (r *reader) logging(dst *WorkflowLogging) setter {
	return func(key string, n ast.Node) {
		level := r.oneOf(&dst.Level, logOff, "ERROR", "FATAL", "ALL")
		switch v := r.plain(n).(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
			r.fields(key, v, map[string]setter{"level": level, "data": r.yesNo(&dst.Data), "to": r.logGroup(&dst.LogTo)})
		default:
			level(key, n)
		}
	}
}

func (r *reader) logGroup(dst *string) setter {
	return func(key string, n ast.Node) {
		r.text(dst, 512)(key, n)
		if *dst != "" && !logGroupRE.MatchString(*dst) {
			r.fail(n, key, "must be the ARN of a log group: arn:aws:logs:REGION:SERVICE:log-group:NAME:*")
		}
	}
}

// workflowAliases reads the aliases of a workflow; they lead to versions only.
func (r *reader) workflowAliases(dst *[]Alias) setter {
	return func(key string, n ast.Node) {
		r.aliases(dst)(key, n)
		for _, a := range *dst {
			if a.Version == ebb.Latest {
				r.fail(n, fmt.Sprintf("%s.%s", key, a.Name), "leads to a published version, not to %s", VersionLatest)
			}
		}
	}
}
