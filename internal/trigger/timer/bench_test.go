package timer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// BenchmarkDueTogether is many timers that are due in one second, each once an
// hour: an operation is one fire, with the event that it enqueues.
func BenchmarkDueTogether(b *testing.B) {
	s, err := store.Open(b.Context(), store.Config{Path: filepath.Join(b.TempDir(), "ebb.db")})
	if err != nil {
		b.Fatal(err)
	}
	var ahead, fired atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	all := make(chan bool)
	var kind *Kind
	q := queue.New(queue.Config{Exclusive: true, Now: now, Queues: Queues()}, s, map[string]queue.Handler{
		Line: func(ctx context.Context, m *queue.Message) queue.Outcome { return kind.Fire(ctx, m) },
	}, slog.New(slog.DiscardHandler))
	kind = New(Deps{Store: s, Log: slog.New(slog.DiscardHandler), Region: "us-east-1", Now: now, Enqueue: q.Enqueue, Remove: q.Remove,
		Send: func(_ context.Context, t *ebb.Trigger, id ebb.MessageID, event []byte) (func(*store.Tx) error, error) {
			return func(tx *store.Tx) error {
				tx.AfterCommit(func() {
					if fired.Add(1) == int64(b.N) {
						close(all)
					}
				})
				_, err := q.Enqueue(tx, queue.Enqueue{ID: id, Queue: "async", Service: t.Service, Group: "f", Body: event})
				return err
			}, nil
		}})
	settings, err := json.Marshal(Settings{Schedule: "0 0 * * * ?", Misfire: All, Overlap: Allow, Grace: defaultGrace, CatchUp: defaultCatchUp})
	if err != nil {
		b.Fatal(err)
	}
	for from := 0; from < b.N; from += 1000 {
		if err := s.Tx(b.Context(), func(tx *store.Tx) error {
			for n := from; n < min(b.N, from+1000); n++ {
				t := &ebb.Trigger{TriggerKey: ebb.TriggerKey{Service: ebb.DefaultService, Name: fmt.Sprintf("t%06d", n)}, ID: ebb.TriggerID(fmt.Sprintf("id-%06d", n)),
					Kind: ebb.TriggerTimer, Target: "arn:aws:lambda:us-east-1:000000000000:function:f", Revision: 1, CreatedAt: now(), Settings: settings}
				if err := errors.Join(tx.InsertTrigger(t), kind.Set(tx, nil, t)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	before := s.Stats().Commits
	b.ReportAllocs()
	b.ResetTimer()
	ahead.Store(int64(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour))))
	q.Wake(Line)
	<-all
	b.StopTimer()
	b.ReportMetric(float64(s.Stats().Commits-before), "commits")
	b.ReportMetric(b.Elapsed().Seconds(), "s")
	stop()
	if err := errors.Join(<-ended, s.Close()); err != nil {
		b.Fatal(err)
	}
}
