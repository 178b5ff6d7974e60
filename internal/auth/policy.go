package auth

import (
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// verdict is what a policy says about an action on a resource.
type verdict uint8

const (
	silent verdict = iota // no statement speaks of it
	allowed
	denied // explicitly: no other statement changes that
)

// decide asks a policy.
func decide(p *ebb.Policy, action, resource string) verdict {
	v := silent
	for i := range p.Statement {
		s := &p.Statement[i]
		if !matchesAny(s.Action, action, true) || !matchesAny(s.Resource, resource, false) {
			continue
		}
		if s.Effect == ebb.Deny {
			return denied
		}
		v = allowed
	}
	return v
}

func matchesAny(patterns []string, text string, fold bool) bool {
	for _, p := range patterns {
		if fold { // actions are compared without regard to case, as IAM does
			p, text = strings.ToLower(p), strings.ToLower(text)
		}
		if Matches(p, text) {
			return true
		}
	}
	return false
}

// Matches reports whether pattern, in which * stands for any text and ? for any
// one byte, is all of text. It takes time proportional to both lengths' product
// at most, whatever they hold.
func Matches(pattern, text string) bool {
	p, t := 0, 0
	star, mark := -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p, t = p+1, t+1
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// defaultPolicy is the permission set of a role that nobody defined: to invoke
// and read the functions of its own service, to start and read executions of its
// state machines, and to answer their tasks.
func defaultPolicy(service ebb.ServiceID) *ebb.Policy {
	return &ebb.Policy{Statement: []ebb.Statement{{
		Effect: ebb.Allow, Action: ebb.Patterns{"lambda:InvokeFunction", "lambda:GetFunction*"},
		Resource: ebb.Patterns{"arn:aws:lambda:*:" + string(service) + ":function:?*"},
	}, {
		Effect: ebb.Allow, Action: ebb.Patterns{
			"states:StartExecution", "states:StartSyncExecution", "states:SendTask*",
			"states:Describe*", "states:Get*", "states:List*",
		},
		Resource: ebb.Patterns{"arn:aws:states:*:" + string(service) + ":?*"},
	}}}
}

// CheckPolicy refuses a policy that cannot be carried out exactly.
func CheckPolicy(p *ebb.Policy) error {
	if p.Version != "" && p.Version != "2012-10-17" && p.Version != "2008-10-17" {
		return invalidPolicy("Version: %q is not 2012-10-17", p.Version)
	}
	if len(p.Statement) == 0 || len(p.Statement) > maxStatements {
		return invalidPolicy("Statement: has %d entries; 1 to %d are allowed", len(p.Statement), maxStatements)
	}
	for i := range p.Statement {
		s := &p.Statement[i]
		if s.Effect != ebb.Allow && s.Effect != ebb.Deny {
			return invalidPolicy("Statement[%d].Effect: %.40q is neither Allow nor Deny", i, s.Effect)
		}
		if err := checkPatterns(i, "Action", s.Action); err != nil {
			return err
		}
		if err := checkPatterns(i, "Resource", s.Resource); err != nil {
			return err
		}
		for _, a := range s.Action {
			if a != "*" && !strings.Contains(a, ":") {
				return invalidPolicy("Statement[%d].Action: %.140q is not SERVICE:ACTION (lambda:InvokeFunction) or *", i, a)
			}
		}
		for _, r := range s.Resource {
			if r != "*" && !strings.HasPrefix(r, "arn:") {
				return invalidPolicy("Statement[%d].Resource: %.140q is not an ARN or *", i, r)
			}
		}
	}
	return nil
}

// Bounds of a policy.
const (
	maxStatements = 50
	maxPatterns   = 100
	maxPattern    = 512 // bytes
)

func checkPatterns(i int, field string, list []string) error {
	if len(list) == 0 || len(list) > maxPatterns {
		return invalidPolicy("Statement[%d].%s: has %d entries; 1 to %d are allowed", i, field, len(list), maxPatterns)
	}
	for _, p := range list {
		if p == "" || len(p) > maxPattern {
			return invalidPolicy("Statement[%d].%s: an entry has %d bytes; 1 to %d are allowed", i, field, len(p), maxPattern)
		}
	}
	return nil
}

func invalidPolicy(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "policy."+format, args...)
}
