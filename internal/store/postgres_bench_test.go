package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/postgrestest"
	"github.com/ebb-faas/ebb/internal/store/storetest"
)

// What it costs on PostgreSQL to accept an event of 1 KiB, alone and with 64
// callers; beside pgx alone doing the same INSERT in the same transactions, with
// as many connections. Reported per event.
func BenchmarkPostgresTx(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := openPostgres(b)
			share(b, callers, func() error {
				m := message()
				return s.Tx(b.Context(), func(tx *store.Tx) error { return tx.InsertMessage(m) })
			})
			b.ReportMetric(float64(s.Stats().Retried)/float64(b.N), "retries/op")
		})
	}
	for _, connections := range []int{1, 16} {
		b.Run(fmt.Sprintf("bare=%d", connections), func(b *testing.B) { benchBarePostgres(b, connections) })
	}
}

// message is an event as it is accepted.
func message() *ebb.Message {
	return &ebb.Message{
		MessageKey: ebb.MessageKey{Queue: "q", Service: storetest.Service, ID: ebb.MessageID(uuid.Must(uuid.NewV7()).String())},
		Body:       make([]byte, 1024), Due: storetest.At(0), EnqueuedAt: storetest.At(0),
	}
}

// share has callers do b.N things between them.
func share(b *testing.B, callers int, do func() error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := do(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
}

func benchBarePostgres(b *testing.B, connections int) {
	url := postgrestest.Migrated(b)
	conns := make(chan *pgx.Conn, connections)
	for range connections {
		conn, err := pgx.Connect(b.Context(), url)
		if err != nil {
			b.Fatal(err)
		}
		conns <- conn
	}
	share(b, connections, func() error {
		conn := <-conns
		defer func() { conns <- conn }()
		tx, err := conn.BeginTx(b.Context(), pgx.TxOptions{IsoLevel: pgx.Serializable})
		if err != nil {
			return err
		}
		m := message()
		if _, err := tx.Exec(b.Context(), `INSERT INTO message (queue, service, id, lane, topic, state, due_at, leased,
			epoch, attempt, crashes, enqueued_at, ended_at, reason, payload, body)
			VALUES ($1, $2, $3, '', '', 0, 0, 0, 0, 0, 0, 0, 0, '', '', $4)`,
			m.Queue, string(m.Service), string(m.ID), m.Body); err != nil {
			return errors.Join(err, tx.Rollback(b.Context()))
		}
		return tx.Commit(b.Context())
	})
	for range connections {
		if err := (<-conns).Close(b.Context()); err != nil {
			b.Error(err)
		}
	}
}

// BenchmarkPostgresRead is BenchmarkRead on PostgreSQL.
func BenchmarkPostgresRead(b *testing.B) {
	benchRead(b, openPostgres(b))
}
