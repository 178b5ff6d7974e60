package manifest

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Role is a permission set that a manifest wants the service to have.
type Role struct {
	Name       string
	Statements []ebb.Statement
	Position   Position
}

// roles reads the roles section: names, and the statements of each.
func (r *reader) roles(dst *[]Role) setter {
	return func(_ string, n ast.Node) {
		for _, e := range r.mapping("roles", n) {
			key := "roles." + e.name
			if !ebb.ValidRoleName(e.name) {
				r.fail(e.key, key, "a role's name is 1 to 64 letters, digits and + = , . @ _ -")
				continue
			}
			role := Role{Name: e.name, Position: position(e.key)}
			list, ok := r.plain(e.value).(*ast.SequenceNode)
			if !ok || len(list.Values) == 0 {
				r.fail(e.value, key, "must be a list of statements with Effect, Action and Resource")
				continue
			}
			for i, v := range list.Values {
				role.Statements = append(role.Statements, r.statement(fmt.Sprintf("%s[%d]", key, i), v))
			}
			*dst = append(*dst, role)
		}
	}
}

// statement reads one statement, spelled as in an IAM policy.
func (r *reader) statement(key string, n ast.Node) (s ebb.Statement) {
	before := len(r.problems)
	r.fields(key, n, map[string]setter{
		"Sid":      r.text(&s.Sid, 256),
		"Effect":   r.text(&s.Effect, 16),
		"Action":   r.patterns(&s.Action),
		"Resource": r.patterns(&s.Resource),
	})
	switch {
	case len(r.problems) > before:
	case s.Effect != ebb.Allow && s.Effect != ebb.Deny:
		r.fail(n, key+".Effect", "must be %s or %s", ebb.Allow, ebb.Deny)
	case len(s.Action) == 0:
		r.fail(n, key+".Action", "is missing: name what the statement is about")
	case len(s.Resource) == 0:
		r.fail(n, key+".Resource", `is missing: name what it is done to, "*" for everything`)
	}
	return s
}

// patterns reads one text or a list.
func (r *reader) patterns(dst *ebb.Patterns) setter {
	return func(key string, n ast.Node) {
		if text, ok := scalar(r.plain(n)); ok {
			*dst = ebb.Patterns{text}
			return
		}
		r.texts((*[]string)(dst))(key, n)
	}
}
