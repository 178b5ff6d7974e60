package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// classes are the values of the label class: the first digit of statuses.
var classes = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}

// Route is where the requests of one HTTP route are counted. A nil one counts
// nothing.
type Route struct {
	classes  [len(classes)]prometheus.Counter
	duration prometheus.Observer
}

// Route returns the handles of a route, to be kept.
func (m *Metrics) Route(key ebb.TriggerKey) *Route {
	r := &Route{duration: m.routeTime.WithLabelValues(string(key.Service), key.Name)}
	for i, class := range classes {
		r.classes[i] = m.routes.WithLabelValues(string(key.Service), key.Name, class)
	}
	return r
}

// Done counts a request that was answered.
func (r *Route) Done(status int, took time.Duration) {
	if r == nil {
		return
	}
	if class := status/100 - 1; class >= 0 && class < len(classes) {
		r.classes[class].Inc()
	}
	r.duration.Observe(took.Seconds())
}

// ForgetRoute ends the series of a route that is no more.
func (m *Metrics) ForgetRoute(key ebb.TriggerKey) {
	labels := prometheus.Labels{"service": string(key.Service), "route": key.Name}
	m.routes.DeletePartialMatch(labels)
	m.routeTime.DeletePartialMatch(labels)
}
