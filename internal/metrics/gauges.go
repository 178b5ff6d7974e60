package metrics

import "github.com/prometheus/client_golang/prometheus"

// Gauges adds values, one for each set of label values, that are read when
// somebody asks. read hands each to emit, with as many values as there are
// labels.
func (m *Metrics) Gauges(name, help string, labels []string, read func(emit func(value float64, values ...string))) {
	m.registry.MustRegister(&gauges{prometheus.NewDesc(name, help, labels, nil), read})
}

type gauges struct {
	desc *prometheus.Desc
	read func(emit func(value float64, values ...string))
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(c chan<- *prometheus.Desc) { c <- g.desc }

// Collect implements prometheus.Collector.
func (g *gauges) Collect(c chan<- prometheus.Metric) {
	g.read(func(value float64, values ...string) {
		c <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, value, values...)
	})
}
