package queue

import "github.com/ebb-faas/ebb/internal/ebb"

// ring is lanes that take turns: first the services, then the lanes of each.
type ring struct {
	tenants []*tenant
	by      map[ebb.ServiceID]*tenant
}

// tenant is a service's lanes in a ring, the next one first.
type tenant struct {
	service ebb.ServiceID
	lanes   []*lane
}

// push puts a lane, which is not in the ring, behind the others of its service.
func (r *ring) push(l *lane) {
	if r.by == nil {
		r.by = make(map[ebb.ServiceID]*tenant)
	}
	t := r.by[l.service]
	if t == nil {
		t = &tenant{service: l.service}
		r.by[l.service] = t
		r.tenants = append(r.tenants, t)
	}
	t.lanes = append(t.lanes, l)
}

// pop takes out the lane whose turn it is among those that ok accepts, or nil.
func (r *ring) pop(ok func(*lane) bool) *lane {
	for i, t := range r.tenants {
		for j, l := range t.lanes {
			if !ok(l) {
				continue
			}
			// Whoever was passed over goes first next time; the service that had
			// its turn goes last.
			t.lanes = append(t.lanes[:j], t.lanes[j+1:]...)
			r.tenants = append(r.tenants[:i], r.tenants[i+1:]...)
			if len(t.lanes) == 0 {
				delete(r.by, t.service)
			} else {
				r.tenants = append(r.tenants, t)
			}
			return l
		}
	}
	return nil
}

func (r *ring) empty() bool { return len(r.tenants) == 0 }
