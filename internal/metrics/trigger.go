package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// TriggerEvents counts what became of events of a trigger.
func (m *Metrics) TriggerEvents(t ebb.TriggerRef, outcome string, n int64) {
	m.triggers.WithLabelValues(string(t.Service), t.Name, string(t.Kind), outcome).Add(float64(n))
}

// TimerLate notes how long after it was due the fire of a timer was durable.
func (m *Metrics) TimerLate(d time.Duration) { m.late.Observe(d.Seconds()) }

// BusEvents counts events that a service put on the event bus.
func (m *Metrics) BusEvents(service ebb.ServiceID, outcome string) {
	m.events.WithLabelValues(string(service), outcome).Inc()
}

// ForgetTrigger ends the series of a trigger that is no more.
func (m *Metrics) ForgetTrigger(key ebb.TriggerKey) {
	m.triggers.DeletePartialMatch(prometheus.Labels{"service": string(key.Service), "trigger": key.Name})
}
