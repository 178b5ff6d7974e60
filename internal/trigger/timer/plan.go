package timer

import (
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/schedule"
	"github.com/ebb-faas/ebb/internal/store"
)

// plan is a timer, as it is at one revision, ready to be asked when it is due.
type plan struct {
	t        *ebb.Trigger
	settings Settings
	schedule *schedule.Schedule
	location *time.Location
	calendar *schedule.Calendar // nil = none
}

// newPlan reads a timer's settings, which were checked when they were set.
func newPlan(tx *store.Tx, t *ebb.Trigger) (*plan, error) {
	p := &plan{t: t}
	if err := json.Unmarshal(t.Settings, &p.settings); err != nil {
		return nil, err
	}
	var err error
	if name := p.settings.Calendar; name != "" {
		if p.calendar, err = readCalendar(tx, name); err != nil {
			return nil, err
		}
	}
	if p.location, err = p.settings.location(); err != nil {
		return nil, err
	}
	p.schedule, err = p.settings.parse(t, p.location, p.calendar)
	return p, err
}

// maxPlans is how many plans are remembered, of some 2 KiB each.
const maxPlans = 16384

// plans remembers those that were set or read here, so that a fire need read
// nothing. Any of them may be old: what a fire writes is conditional on the revision. Those with
// a calendar are not remembered, because that changes without them.
type plans struct {
	mu   sync.Mutex
	kept map[ebb.TriggerID]*plan
}

// get returns the plan of a trigger at a revision, or nil.
func (p *plans) get(id ebb.TriggerID, revision int64) *plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.kept[id]; known != nil && known.t.Revision == revision {
		return known
	}
	return nil
}

func (p *plans) keep(known *plan) {
	if known.calendar != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.kept) >= maxPlans && p.kept[known.t.ID] == nil {
		for id := range p.kept { // any
			delete(p.kept, id)
			break
		}
	}
	p.kept[known.t.ID] = known
}

// forget drops a trigger's plan.
func (p *plans) forget(id ebb.TriggerID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.kept, id)
}

// read finds the plan of a message, nil if the message is not its trigger's any
// more.
func read(tx *store.Tx, d *due) (*plan, error) {
	t, err := tx.TriggerByID(d.Trigger)
	if errors.Is(err, store.ErrNotFound) || err == nil && (t.Revision != d.Revision || t.Paused) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return newPlan(tx, t)
}
