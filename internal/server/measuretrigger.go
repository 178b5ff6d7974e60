package server

import (
	"context"
	"time"
)

// maxFailing bounds the series of triggers that fail.
const maxFailing = 1000

// measureTriggers adds the triggers that fail to the metrics.
func (n *node) measureTriggers() {
	n.metrics.Gauges("ebb_trigger_failing", "1 for each trigger whose source is down or whose last delivery failed.",
		[]string{"service", "trigger", "kind"}, func(emit func(float64, ...string)) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			refs, err := n.triggers.Failing(ctx, maxFailing)
			if err != nil {
				n.log.Warn("triggers that fail cannot be measured", "error", err)
			}
			for _, t := range refs {
				emit(1, string(t.Service), t.Name, string(t.Kind))
			}
		})
}
