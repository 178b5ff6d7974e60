package workflow

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/logs"
)

// Levels of a state machine's logging, from everything to nothing.
const (
	logAll   = "ALL"
	logError = "ERROR"
	logFatal = "FATAL"
)

// logged is a history event as a line of the state machine's log, with the names
// that Step Functions gives its lines.
type logged struct {
	ID        string       `json:"id"`
	Type      string       `json:"type"`
	Details   *asl.Details `json:"details,omitempty"`
	Redrives  string       `json:"redrive_count"`
	Previous  string       `json:"previous_event_id"`
	At        string       `json:"event_timestamp"` // milliseconds
	Execution string       `json:"execution_arn"`
}

// logHistory writes those of the history events to the state machine's log that
// its logging asks for. It is called when they are durable; what is lost in a
// crash is in the history all the same, as far as the execution has one.
func (e *Engine) logHistory(x *ebb.Execution, m *machine, arn string, actions []asl.Action) {
	want := m.revision.Logging
	if e.deps.Logs == nil || want.Level != logAll && want.Level != logError && want.Level != logFatal {
		return
	}
	name, _, _ := strings.Cut(x.Machine, "/")
	stream := e.deps.Logs.Stream(ebb.WorkflowLog(ebb.StateMachineKey{Service: x.Service, Name: name}))
	for _, a := range actions {
		if a.Record == nil {
			continue
		}
		level := levelOf(a.Record.Type)
		if want.Level == logError && level == "INFO" || want.Level == logFatal && level != "FATAL" {
			continue
		}
		line := logged{
			ID: strconv.FormatInt(a.Record.ID, 10), Type: a.Record.Type, Details: a.Record.Details, Execution: arn,
			Previous: strconv.FormatInt(a.Record.Previous, 10), At: strconv.FormatInt(a.Record.Time.UnixMilli(), 10),
			Redrives: strconv.FormatInt(int64(x.RedriveCount), 10),
		}
		if line.Details != nil && !want.IncludeExecutionData {
			bare := *line.Details
			bare.Input, bare.Output, bare.Parameters, bare.AssignedVariables = nil, nil, nil, nil
			line.Details = &bare
		}
		text, err := json.Marshal(line)
		if err != nil {
			e.log.Error("an event of an execution is not logged", "execution", arn, "event", a.Record.ID, "error", err)
			continue
		}
		stream.Append(logs.Entry{Time: a.Record.Time, Kind: logs.Platform, Level: level, Request: ebb.InvocationID(x.Name), Text: text})
	}
}

// levelOf is FATAL for the end of an execution that did not succeed, ERROR for
// other failures, else INFO.
func levelOf(kind string) string {
	bad := strings.HasSuffix(kind, "Failed") || strings.HasSuffix(kind, "TimedOut") || strings.HasSuffix(kind, "Aborted")
	switch {
	case bad && strings.HasPrefix(kind, "Execution"):
		return "FATAL"
	case bad:
		return "ERROR"
	}
	return "INFO"
}
