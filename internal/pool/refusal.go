package pool

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// throttled is the answer to a request that the limits have no room for.
func throttled(v *ebb.Version, why string) error {
	return &ebb.Error{
		Kind:       ebb.Throttled,
		Type:       ebb.TypeTooManyRequests,
		Message:    "Rate Exceeded: function " + v.Name + ": " + why,
		Reason:     ebb.ReasonConcurrency,
		RetryAfter: time.Second,
	}
}

func errClosing() error {
	return &ebb.Error{Kind: ebb.Unavailable, Type: ebb.TypeServiceUnavailable,
		Message: "ebb is shutting down", RetryAfter: 5 * time.Second}
}
