package store_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/storetest"
)

// What one durable change costs: alone, with 64 callers sharing commits, and
// with a bare BEGIN IMMEDIATE, INSERT,
// COMMIT each on one connection. Reported per change.
func BenchmarkTx(b *testing.B) {
	for _, callers := range []int{1, 4, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { benchTx(b, callers) })
	}
	b.Run("bare", benchBare)
}

func benchTx(b *testing.B, callers int) {
	s := open(b)
	storetest.Must(b, s, insert("f"))
	var number atomic.Int64
	left := make(chan struct{}, b.N)
	for range b.N {
		left <- struct{}{}
	}
	close(left)
	before := s.Stats()
	b.ReportAllocs()
	b.ResetTimer()
	done := make(chan error)
	for range callers {
		go func() {
			for range left {
				v := storetest.Version("f", number.Add(1))
				if err := s.Tx(b.Context(), func(tx *store.Tx) error { return tx.InsertVersion(v) }); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range callers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	after := s.Stats()
	b.ReportMetric(float64(after.Fns-before.Fns)/float64(after.Commits-before.Commits), "fns/commit")
}

// benchBare writes the same rows into the same tables.
func benchBare(b *testing.B) {
	path := filepath.Join(b.TempDir(), "bare.db")
	s, err := store.Open(b.Context(), store.Config{Path: path})
	if err != nil {
		b.Fatal(err)
	}
	storetest.Must(b, s, insert("f"))
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_txlock=immediate")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		tx, err := db.Begin()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := tx.Exec(`INSERT INTO version SELECT service, name, ?, revision_id, runtime, code_digest,
			code_size, state, update_status, last_modified, settings FROM version WHERE number = 0`, i+1); err != nil {
			b.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead is a cache miss of walk A: one version by its key.
func BenchmarkRead(b *testing.B) {
	benchRead(b, open(b))
}

func benchRead(b *testing.B, s *store.Store) {
	storetest.Must(b, s, insert("f"))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := s.Read(b.Context(), func(tx *store.Tx) error {
				_, err := tx.Version(storetest.Key("f"), 0)
				return err
			}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
