package statesapi

import (
	"reflect"
	"strings"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/awswire"
	"github.com/ebb-faas/ebb/internal/jsonata"
)

func (a *API) getExecutionHistory(c *call, in *GetExecutionHistoryInput) (*GetExecutionHistoryOutput, error) {
	if _, err := a.resource(c, in.ExecutionArn, "execution"); err != nil {
		return nil, err
	}
	x, err := a.engine.Execution(c, *in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	at, err := c.place(in.NextToken)
	if err != nil {
		return nil, err
	}
	reverse := deref(in.ReverseOrder)
	if at.Number == 0 && !reverse {
		at.Number = 1
	}
	events, total, err := a.engine.History(c, x, at.Number, pageSize(in.MaxResults), reverse)
	if err != nil {
		return nil, err
	}
	data := in.IncludeExecutionData == nil || *in.IncludeExecutionData
	out := &GetExecutionHistoryOutput{Events: make([]HistoryEvent, 0, len(events))}
	for _, h := range events {
		out.Events = append(out.Events, historyEvent(h, data))
	}
	if n := len(events); n > 0 {
		last := events[n-1].ID
		if reverse {
			out.NextToken = c.token(last > 1, place{Number: last - 1})
		} else {
			out.NextToken = c.token(last < total, place{Number: last + 1})
		}
	}
	return out, nil
}

// historyEvent is an event as the API has it: each kind has details of its own.
func historyEvent(h *asl.HistoryEvent, data bool) HistoryEvent {
	out := HistoryEvent{Timestamp: &awswire.Epoch{Time: h.Time}, Type: &h.Type, Id: &h.ID, PreviousEventId: &h.Previous}
	if h.Details == nil {
		return out
	}
	f := reflect.ValueOf(&out).Elem().FieldByName(detailsField(h.Type))
	if !f.IsValid() {
		return out
	}
	f.Set(reflect.New(f.Type().Elem()))
	fill(f.Elem(), h.Details, data)
	return out
}

// detailsField is the member that holds the details of a type.
func detailsField(kind string) string {
	switch {
	case strings.HasSuffix(kind, "StateEntered"):
		return "StateEnteredEventDetails"
	case strings.HasSuffix(kind, "StateExited"):
		return "StateExitedEventDetails"
	}
	return kind + "EventDetails"
}

// fill gives the members of one kind of details those that the event has.
func fill(v reflect.Value, d *asl.Details, data bool) {
	for i := range v.NumField() {
		if value := member(v.Type().Field(i).Name, d, data); value != nil {
			if rv := reflect.ValueOf(value); rv.Type().AssignableTo(v.Field(i).Type()) {
				v.Field(i).Set(rv)
			}
		}
	}
}

// member is one member of the details; nil when there is none.
func member(name string, d *asl.Details, data bool) any {
	switch name {
	case "Name":
		return text(d.Name)
	case "State":
		return text(d.State)
	case "Location":
		return text(d.Location)
	case "RoleArn":
		return text(d.RoleARN)
	case "TaskCredentials":
		if d.RoleARN == "" {
			return nil
		}
		return &TaskCredentials{RoleArn: &d.RoleARN}
	case "Resource":
		return text(d.Resource)
	case "ResourceType":
		return text(d.ResourceType)
	case "Region":
		return text(d.Region)
	case "WorkerName":
		return text(d.Worker)
	case "MapRunArn":
		return text(d.MapRunARN)
	case "Input":
		return document(d.Input, data)
	case "Output":
		return document(d.Output, data)
	case "Parameters":
		return document(d.Parameters, data)
	case "InputDetails":
		return truncated(d.Input)
	case "OutputDetails":
		return truncated(d.Output)
	case "Error":
		return optional(d.Error)
	case "Cause":
		return optional(d.Cause)
	}
	return numberMember(name, d)
}

func numberMember(name string, d *asl.Details) any {
	switch {
	case name == "TimeoutInSeconds" && d.TimeoutInSeconds > 0:
		return &d.TimeoutInSeconds
	case name == "HeartbeatInSeconds" && d.HeartbeatSeconds > 0:
		return &d.HeartbeatSeconds
	case name == "Length" && d.Length != nil:
		return new(int32(*d.Length))
	case name == "Index" && d.Index != nil:
		return new(int32(*d.Index))
	case name == "RedriveCount" && d.RedriveCount > 0:
		return new(int32(d.RedriveCount))
	case name == "AssignedVariables" && d.AssignedVariables != nil:
		o, _ := d.AssignedVariables.V.(*asl.Object)
		all := make(map[string]string, o.Len())
		for i := range o.Len() {
			k, v := o.At(i)
			all[k] = jsonata.Text(v)
		}
		return all
	case name == "AssignedVariablesDetails" && d.AssignedVariables != nil:
		return &AssignedVariablesDetails{Truncated: new(false)}
	}
	return nil
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return &s
}

func optional(s *string) any {
	if s == nil {
		return nil
	}
	return s
}

func document(v *asl.Value, data bool) any {
	if v == nil || !data {
		return nil
	}
	s := v.String()
	return &s
}

func truncated(v *asl.Value) any {
	if v == nil {
		return nil
	}
	return &HistoryEventExecutionDataDetails{Truncated: new(false)}
}
