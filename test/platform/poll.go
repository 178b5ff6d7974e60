package platform

import (
	"context"
	"fmt"
	"time"
)

// pollEvery is how often Poll looks. What it waits for happens in other
// processes, which cannot be made to say so.
const pollEvery = 20 * time.Millisecond

// Poll calls check until it returns nil. When limit has passed or ctx has ended,
// it returns check's last error.
func Poll(ctx context.Context, limit time.Duration, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("within %s: %w", limit, err)
		}
	}
}
