package metrics

import (
	"net/http"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Metrics is all that one node measures. It is safe for concurrent use.
type Metrics struct {
	registry   *prometheus.Registry
	starts     *prometheus.HistogramVec
	messages   *prometheus.CounterVec
	unverified *prometheus.CounterVec
	triggers   *prometheus.CounterVec
	late       prometheus.Histogram
	events     *prometheus.CounterVec
	routes     *prometheus.CounterVec
	routeTime  *prometheus.HistogramVec

	mu        sync.RWMutex
	functions map[ebb.FunctionKey]*function
	phases    map[string]*phases // by runtime
}

// seconds are the bounds of durations, from a tenth of a millisecond to the
// longest timeout of Lambda.
var seconds = [...]float64{.0001, .0003, .001, .003, .01, .03, .1, .3, 1, 3, 10, 30, 100, 300, 900}

// lateness are the bounds of how late timers may be, whose precision is a second.
var lateness = [...]float64{.005, .01, .02, .05, .1, .2, .3, .4, .5, .6, .8, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 900}

// New makes the metrics of a node, those of the process itself among them.
func New() *Metrics {
	m := &Metrics{
		registry:  prometheus.NewRegistry(),
		functions: make(map[ebb.FunctionKey]*function),
		phases:    make(map[string]*phases),
		starts: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ebb_start_seconds", Help: "What invocations that waited for a start waited for, by phase.", Buckets: seconds[:],
		}, []string{"runtime", "phase"}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ebb_queue_attempts_total", Help: "Messages handled, by what became of them; lost = the lease had ended.",
		}, []string{"queue", "service", "function", "outcome"}),
		unverified: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ebb_signature_validation_errors_total", Help: "Deploys of code that is not signed as its code signing configuration says, which only warns.",
		}, []string{"service", "function"}),
		routes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ebb_route_requests_total", Help: "Requests to HTTP routes that were answered, by the class of the status.",
		}, []string{"service", "route", "class"}),
		routeTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ebb_route_seconds", Help: "From a request's head to the end of its answer.", Buckets: seconds[:],
		}, []string{"service", "route"}),
		triggers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ebb_trigger_events_total", Help: "Events of triggers, by what became of them.",
		}, []string{"service", "trigger", "kind", "outcome"}),
		late: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ebb_timer_late_seconds", Help: "How long after timers were due their fires were durable.", Buckets: lateness[:],
		}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ebb_bus_events_total", Help: "Events put on the event bus, by what became of them.",
		}, []string{"service", "outcome"}),
	}
	m.registry.MustRegister(m, m.starts, m.messages, m.unverified, m.triggers, m.late, m.events, m.routes, m.routeTime,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Gauge adds a value that is read when somebody asks.
func (m *Metrics) Gauge(name, help string, labels map[string]string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, read))
}

// Count adds a total that is read when somebody asks. It never falls.
func (m *Metrics) Count(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read))
}

// CountOf is Count for one of several totals under one name.
func (m *Metrics) CountOf(name, help string, labels map[string]string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(
		prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, read))
}

// Unverified counts a deploy that was let through with a warning about its
// signature.
func (m *Metrics) Unverified(key ebb.FunctionKey) {
	m.unverified.WithLabelValues(string(key.Service), key.Name).Inc()
}

// Handler answers scrapers.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// ServiceHandler answers scrapers who may see one service: those series that
// are labelled with it, and none of the node.
func (m *Metrics) ServiceHandler(id ebb.ServiceID) http.Handler {
	only := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		all, err := m.registry.Gather()
		kept := all[:0]
		for _, f := range all {
			f.Metric = slices.DeleteFunc(f.Metric, func(s *dto.Metric) bool {
				return !slices.ContainsFunc(s.Label, func(l *dto.LabelPair) bool {
					return l.GetName() == "service" && l.GetValue() == string(id)
				})
			})
			if len(f.Metric) > 0 {
				kept = append(kept, f)
			}
		}
		return kept, err
	})
	return promhttp.HandlerFor(only, promhttp.HandlerOpts{})
}
