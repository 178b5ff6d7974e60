package server

import (
	"net/http"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// measure adds to the metrics what other packages count themselves.
func (n *node) measure() {
	n.measurePool()
	n.measureTriggers()
	n.measureEgress()
	n.measureTLS()
	n.metrics.Count("ebb_log_lines_dropped_total", "Lines of functions' logs that could not be kept.",
		func() float64 { return float64(n.logs.Stats().Dropped) })
	n.metrics.Gauge("ebb_log_bytes", "Functions' logs on disk.", nil,
		func() float64 { return float64(n.logs.Stats().Disk) })
	n.metrics.Gauge("ebb_package_bytes", "Deployment packages on disk, zipped.", nil,
		func() float64 { return float64(n.packages.Stored()) })
}

// scrape is the handler of /metrics. Names of functions stand in it, so that it
// takes credentials like everything else. Who acts for one service sees that
// service's.
func (n *node) scrape() http.Handler {
	opt := auth.Options{MaxBody: 1 << 10, Fail: func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, ebb.TypeOf(err)+": send a token as Authorization: Bearer TOKEN", http.StatusForbidden)
	}}
	return auth.Middleware(n.auth, opt, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := auth.From(r.Context())
		if err := n.auth.Authorize(p, "ebb:GetMetrics", "*"); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		if p.Node {
			n.metrics.Handler().ServeHTTP(w, r)
			return
		}
		n.metrics.ServiceHandler(p.Service).ServeHTTP(w, r)
	}))
}
