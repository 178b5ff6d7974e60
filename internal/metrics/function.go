package metrics

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Outcomes of an invocation, the values of the label outcome.
const (
	outcomeOK      = "ok"
	outcomeError   = "error"   // the function raised, crashed or could not be initialised
	outcomeTimeout = "timeout" // ebb ended it
)

// What is measured of every function is kept as bare numbers and becomes series when
// somebody asks: a node has thousands of functions that nobody calls today.
var (
	invocations = prometheus.NewDesc("ebb_invocations_total", "Invocations that have ended, by outcome.",
		[]string{"service", "function", "version", "outcome"}, nil)
	throttles = prometheus.NewDesc("ebb_throttles_total", "Invocations refused because a limit had no room for them.",
		[]string{"service", "function"}, nil)
	durations = prometheus.NewDesc("ebb_invocation_seconds", "From hand-over to the end of the answer.",
		[]string{"service", "function"}, nil)
)

// function is what is measured of one.
type function struct {
	total    atomic.Int64                   // of durations, in nanoseconds
	counts   [len(seconds) + 1]atomic.Int64 // of durations, by the bound that they are within; the last: by none
	versions []*Version                     // guarded by Metrics.mu
}

// Version is where the invocations of one version are counted.
type Version struct {
	qualifier        string
	ok, failed, late atomic.Int64
	throttled        atomic.Int64
	of               *function
	phases           *phases
}

// phases are where the phases of starts of one runtime are counted.
type phases struct {
	starts [4]prometheus.Observer // queue, box, specialise, init
	thaw   prometheus.Observer
}

// Version returns the handle of a version, to be kept for as long as it is used; it
// is the same every time.
func (m *Metrics) Version(v *ebb.Version) *Version {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.functions[v.FunctionKey]
	if f == nil {
		f = new(function)
		m.functions[v.FunctionKey] = f
	}
	qualifier := v.Qualifier()
	i := slices.IndexFunc(f.versions, func(h *Version) bool { return h.qualifier == qualifier })
	if i >= 0 {
		return f.versions[i]
	}
	h := &Version{qualifier: qualifier, of: f, phases: m.phasesOf(v.Runtime)}
	f.versions = append(slices.Clip(f.versions), h)
	return h
}

// phasesOf finds or makes those of a runtime. m.mu is held.
func (m *Metrics) phasesOf(runtime string) *phases {
	p := m.phases[runtime]
	if p == nil {
		p = &phases{thaw: m.starts.WithLabelValues(runtime, "thaw")}
		for i, phase := range [...]string{"queue", "box", "specialise", "init"} {
			p.starts[i] = m.starts.WithLabelValues(runtime, phase)
		}
		m.phases[runtime] = p
	}
	return p
}

// Done counts an invocation that has ended.
func (h *Version) Done(res *ebb.Result) {
	switch {
	case res.FunctionError == "":
		h.ok.Add(1)
	case res.ErrorType == ebb.ErrorTimeout:
		h.late.Add(1)
	default:
		h.failed.Add(1)
	}
	took := res.Phases.Invoke
	i, _ := slices.BinarySearch(seconds[:], took.Seconds())
	h.of.counts[i].Add(1)
	h.of.total.Add(int64(took))
	if p := res.Phases; p.Cold() {
		for i, d := range [...]time.Duration{p.Queue, p.Box, p.Specialise, p.Init} {
			h.phases.starts[i].Observe(d.Seconds())
		}
	}
	if res.Phases.Thaw > 0 {
		h.phases.thaw.Observe(res.Phases.Thaw.Seconds())
	}
}

// Throttled counts an invocation that was refused for lack of room.
func (h *Version) Throttled() { h.throttled.Add(1) }

// Forget ends the series of a function that is no more.
func (m *Metrics) Forget(key ebb.FunctionKey) {
	m.mu.Lock()
	delete(m.functions, key)
	m.mu.Unlock()
	m.messages.DeletePartialMatch(prometheus.Labels{"service": string(key.Service), "function": key.Name})
}

// Describe implements prometheus.Collector for what is measured of functions.
func (m *Metrics) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{invocations, throttles, durations} {
		c <- d
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(c chan<- prometheus.Metric) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for key, f := range m.functions {
		service := string(key.Service)
		refused := int64(0)
		for _, h := range f.versions {
			refused += h.throttled.Load()
		}
		c <- count(throttles, refused, service, key.Name)
		within, sum := make(map[float64]uint64, len(seconds)), uint64(0)
		for i, bound := range seconds {
			sum += uint64(f.counts[i].Load())
			within[bound] = sum
		}
		sum += uint64(f.counts[len(seconds)].Load())
		c <- prometheus.MustNewConstHistogram(durations, sum, time.Duration(f.total.Load()).Seconds(), within, service, key.Name)
		for _, h := range f.versions {
			c <- count(invocations, h.ok.Load(), service, key.Name, h.qualifier, outcomeOK)
			c <- count(invocations, h.failed.Load(), service, key.Name, h.qualifier, outcomeError)
			c <- count(invocations, h.late.Load(), service, key.Name, h.qualifier, outcomeTimeout)
		}
	}
}

func count(d *prometheus.Desc, n int64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

// Calls is what became of a version's invocations since ebb began.
type Calls struct {
	Function  ebb.FunctionKey
	Version   string // qualifier
	OK        int64
	Failed    int64 // timeouts included
	Throttled int64
}

// Calls lists the versions that somebody has invoked.
func (m *Metrics) Calls() (all []Calls) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for key, f := range m.functions {
		for _, h := range f.versions {
			c := Calls{Function: key, Version: h.qualifier, OK: h.ok.Load(), Failed: h.failed.Load() + h.late.Load(), Throttled: h.throttled.Load()}
			if c.OK+c.Failed+c.Throttled > 0 {
				all = append(all, c)
			}
		}
	}
	return all
}
