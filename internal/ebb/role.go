package ebb

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"
)

// Role is a permission set of a service: what functions that carry its ARN may
// do through the platform's own APIs.
type Role struct {
	Service      ServiceID
	Name         string
	Policy       Policy
	CreatedAt    time.Time
	LastModified time.Time
}

// Policy is statements in the shape of an IAM policy document.
type Policy struct {
	Version   string      `json:"Version,omitempty"`
	Statement []Statement `json:"Statement"`
}

// Statement allows or denies actions on resources. Patterns know * and ?.
type Statement struct {
	Sid      string   `json:"Sid,omitempty"`
	Effect   string   `json:"Effect"`
	Action   Patterns `json:"Action"`
	Resource Patterns `json:"Resource"`
}

// Effects of a Statement.
const (
	Allow = "Allow"
	Deny  = "Deny"
)

// Patterns is a list that may be written as one text.
type Patterns []string

// UnmarshalJSON implements json.Unmarshaler.
func (p *Patterns) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*p = Patterns{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(p))
}

var roleNameRE = regexp.MustCompile(`^[A-Za-z0-9+=,.@_-]{1,64}$`)

// ValidRoleName reports whether name may be given to a role.
func ValidRoleName(name string) bool { return roleNameRE.MatchString(name) }

// RoleARN is the ARN of a role.
func RoleARN(service ServiceID, name string) string {
	return "arn:aws:iam::" + string(service) + ":role/" + name
}

// RoleName is the name in a role's ARN, which may have a path before it.
func RoleName(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
