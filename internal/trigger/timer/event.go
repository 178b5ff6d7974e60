package timer

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// taskID is the id of the task that a fire becomes: readable, and another's only
// if trigger and due time are the same.
func taskID(t *ebb.Trigger, due time.Time) ebb.MessageID {
	return ebb.MessageID(t.Name + "@" + due.UTC().Format("20060102T150405Z") + "-" + string(t.ID[max(0, len(t.ID)-6):]))
}

// event is what a target gets: the shape of EventBridge's scheduled events, with
// what a bank wants to know in its detail.
type event struct {
	Version    string    `json:"version"`
	ID         string    `json:"id"`
	DetailType string    `json:"detail-type"`
	Source     string    `json:"source"`
	Account    string    `json:"account"`
	Time       string    `json:"time"`
	Region     string    `json:"region"`
	Resources  [1]string `json:"resources"`
	Detail     detail    `json:"detail"`
}

type detail struct {
	Trigger      string `json:"trigger"`
	Schedule     string `json:"schedule"`
	LocalTime    string `json:"localTime"` // RFC 3339, in the timer's zone
	BusinessDate string `json:"businessDate,omitempty"`
	Calendar     string `json:"calendar,omitempty"`
}

// Sample implements trigger.Kind: the event as it were if the timer was due now.
func (k *Kind) Sample(ctx context.Context, t *ebb.Trigger) (event []byte, err error) {
	now := k.deps.Now().Truncate(time.Second)
	err = k.deps.Store.Read(ctx, func(tx *store.Tx) error {
		p, err := newPlan(tx, t)
		if err == nil {
			event = p.event(k.deps.Region, taskID(t, now), now)
		}
		return err
	})
	return event, err
}

// event is what is delivered for the fire.
func (f *fire) event() []byte {
	return f.plan.event(f.k.deps.Region, taskID(f.t, f.due), f.due)
}

func (p *plan) event(region string, id ebb.MessageID, due time.Time) []byte {
	t, local := p.t, due.In(p.location)
	arn := "arn:aws:events:" + region + ":" + string(t.Service) + ":rule/" + t.Name
	d := detail{Trigger: t.Name, Schedule: p.settings.Schedule, LocalTime: local.Format(time.RFC3339), Calendar: p.settings.Calendar}
	if p.calendar != nil {
		if date, ok := p.calendar.BusinessDate(due, p.settings.BusinessDay); ok {
			d.BusinessDate = date.String()
		}
	}
	utc := due.UTC().Format(time.RFC3339)
	if p.settings.Input != nil {
		return fill(p.settings.Input, map[string]string{
			"aws.scheduler.scheduled-time": utc,
			"aws.scheduler.execution-id":   string(id),
			"aws.scheduler.attempt-number": "1",
			"aws.scheduler.schedule-arn":   arn,
			"ebb.local-time":               d.LocalTime,
			"ebb.local-date":               local.Format(time.DateOnly),
			"ebb.business-date":            d.BusinessDate,
		})
	}
	text, _ := json.Marshal(event{ // strings only
		Version: "0", ID: string(id), DetailType: "Scheduled Event", Source: "aws.events", Account: string(t.Service),
		Time: utc, Region: region, Resources: [1]string{arn}, Detail: d,
	})
	return text
}

// fill replaces the words in angle brackets. JSON may spell a bracket as \u003c.
func fill(input []byte, words map[string]string) []byte {
	var pairs []string
	for word, value := range words {
		pairs = append(pairs, "<"+word+">", value, `\u003c`+word+`\u003e`, value)
	}
	return []byte(strings.NewReplacer(pairs...).Replace(string(input)))
}
