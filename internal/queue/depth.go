package queue

import (
	"context"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Depth is how much waits in one lane.
type Depth struct {
	Queue    string
	Service  ebb.ServiceID
	Function string        // "" where functions do not take turns
	Messages int64         // live ones: waiting and leased
	Late     time.Duration // how long the earliest has been due
}

// Depths counts the live messages of every lane there is.
func (q *Queue) Depths(ctx context.Context) (ds []Depth, err error) {
	now := q.cfg.Now()
	err = q.store.Read(ctx, func(tx *store.Tx) error {
		ds = ds[:0]
		return tx.CountMessages(func(queue, lane string, count int64, due time.Time) {
			ds = append(ds, Depth{
				Queue: queue, Service: serviceOf(lane), Function: groupOf(lane),
				Messages: count, Late: max(now.Sub(due), 0),
			})
		})
	})
	return ds, err
}

// Count is how many messages of a service wait in a queue or are at work, up to most.
// Suspects are left out.
func (q *Queue) Count(ctx context.Context, queue string, service ebb.ServiceID, most int) (n int, err error) {
	err = q.store.Read(ctx, func(tx *store.Tx) (err error) {
		// Its lanes are its id, or begin with it and the sign before ";"; ids have one length.
		n, err = tx.CountLanes(queue, string(service), string(service)+";", most)
		return err
	})
	return n, err
}
