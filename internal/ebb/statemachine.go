package ebb

import (
	"strconv"
	"strings"
	"time"
)

// Types of state machines.
const (
	StateMachineStandard = "STANDARD"
	StateMachineExpress  = "EXPRESS"
)

// StateMachineKey names a state machine.
type StateMachineKey struct {
	Service ServiceID
	Name    string
}

// StateMachine is a workflow and its current revision.
type StateMachine struct {
	StateMachineKey
	Type      string
	CreatedAt time.Time
	Deleting  bool
	Tags      map[string]string
	Revision  StateMachineRevision
}

// StateMachineRevision is what a state machine was at one moment. It never
// changes. Executions and versions refer to one.
type StateMachineRevision struct {
	StateMachineKey
	ID         string
	CreatedAt  time.Time
	Initial    bool // the one that the state machine was created with
	Type       string
	Role       string
	Definition string
	Logging    StateMachineLogging
	Tracing    bool
}

// StateMachineLogging is how much of its executions a state machine logs.
type StateMachineLogging struct {
	Level                string   `json:"level,omitempty"` // ALL, ERROR, FATAL or OFF; "" = OFF
	IncludeExecutionData bool     `json:"includeExecutionData,omitempty"`
	Destinations         []string `json:"destinations,omitempty"` // ARNs of log groups
}

// StateMachineVersion is a revision that was published under a number.
type StateMachineVersion struct {
	StateMachineKey
	Number      int64
	Revision    string
	Description string
	CreatedAt   time.Time
}

// StateMachineAlias points to one version, or to two by weight.
type StateMachineAlias struct {
	StateMachineKey
	Alias       string
	Description string
	Routing     []StateMachineRoute
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// StateMachineRoute is one version of an alias. Weights of an alias add up to 100.
type StateMachineRoute struct {
	Version int64 `json:"version"`
	Weight  int32 `json:"weight"`
}

// StatesARN is the ARN of something of workflows, taken apart:
// arn:aws:states:REGION:SERVICE:KIND:NAME[:REST].
type StatesARN struct {
	Region  string
	Service ServiceID
	Kind    string // stateMachine, execution, express, activity or mapRun
	Name    string // of a state machine also NAME/LABEL
	Rest    string // what follows; "" = nothing
}

// ParseStatesARN takes an ARN apart; ok is false when it is none.
func ParseStatesARN(arn string) (a StatesARN, ok bool) {
	p := strings.SplitN(arn, ":", 8)
	if len(p) < 7 || p[0] != "arn" || p[1] == "" || p[2] != "states" || !ServiceID(p[4]).Valid() || p[6] == "" {
		return a, false
	}
	a = StatesARN{Region: p[3], Service: ServiceID(p[4]), Kind: p[5], Name: p[6]}
	if len(p) == 8 {
		if p[7] == "" {
			return a, false
		}
		a.Rest = p[7]
	}
	switch a.Kind {
	case "stateMachine", "activity":
		return a, !strings.Contains(a.Rest, ":")
	case "execution", "mapRun":
		return a, a.Rest != "" && !strings.Contains(a.Rest, ":")
	case "express":
		return a, strings.Count(a.Rest, ":") == 1
	}
	return a, false
}

// String writes the ARN.
func (a StatesARN) String() string {
	s := "arn:aws:states:" + a.Region + ":" + string(a.Service) + ":" + a.Kind + ":" + a.Name
	if a.Rest != "" {
		s += ":" + a.Rest
	}
	return s
}

// Key is the state machine that the ARN is of; label is that of a Map state, "".
func (a StatesARN) Key() (key StateMachineKey, label string) {
	name, label, _ := strings.Cut(a.Name, "/")
	return StateMachineKey{a.Service, name}, label
}

// Version is the number that a state machine's ARN ends in, or 0.
func (a StatesARN) Version() int64 {
	if a.Rest == "" || a.Rest[0] < '1' || a.Rest[0] > '9' {
		return 0
	}
	n, err := strconv.ParseInt(a.Rest, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// StateMachineARN is the ARN of a state machine; qualifier is "", a version's
// number or an alias.
func StateMachineARN(region string, key StateMachineKey, qualifier string) string {
	return StatesARN{Region: region, Service: key.Service, Kind: "stateMachine", Name: key.Name, Rest: qualifier}.String()
}

// TagOffload is the tag by which a state machine opts into payloads that are
// larger than the States Language allows: "true".
const TagOffload = "ebb:offload"

// workflowLog begins the names of the logs of state machines; no function has a
// dot in its name.
const workflowLog = "workflow."

// WorkflowLog names the log of a state machine among those of functions.
func WorkflowLog(key StateMachineKey) FunctionKey {
	return FunctionKey{Service: key.Service, Name: workflowLog + key.Name}
}

// IsWorkflowLog reports whether name is that of a state machine's log.
func IsWorkflowLog(name string) bool {
	machine, ok := strings.CutPrefix(name, workflowLog)
	return ok && ValidStatesName(machine)
}

// ValidStatesName reports whether a name may be that of a state machine, an
// execution, or an activity: 1 to 80 characters, no white space, brackets,
// wildcards, or other characters that AWS refuses.
func ValidStatesName(name string) bool {
	if name == "" || len([]rune(name)) > 80 {
		return false
	}
	for _, c := range name {
		if c <= ' ' || c >= 0x7f && c <= 0x9f || c == 0xfffe || c == 0xffff || strings.ContainsRune("<>{}[]?*\"#%\\^|~`$&,;:/", c) {
			return false
		}
	}
	return true
}
