package fault

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/postgrestest"
)

// drainer, in the environment of this test binary, makes it a process that
// handles messages from the database named there until it is killed.
const drainer = "EBB_FAULT_DRAIN"

// patience is how long the messages of a drainer that was killed are out of sight.
const patience = time.Second

func openQueue(ctx context.Context, url string, handlers map[string]queue.Handler) (*store.Store, *queue.Queue, error) {
	s, err := store.Open(ctx, store.Config{URL: url, Readers: 2, Writers: 8})
	if err != nil {
		return nil, nil, err
	}
	return s, queue.New(queue.Config{Visibility: patience, Rescan: 100 * time.Millisecond, MaxCrashes: 100},
		s, handlers, slog.New(slog.DiscardHandler)), nil
}

// drain handles messages and writes down, in the Tx that acknowledges, that it
// did: the lease of a message's name has an epoch for each time.
func drain(ctx context.Context, url string) error {
	_, q, err := openQueue(ctx, url, map[string]queue.Handler{"work": func(_ context.Context, m *queue.Message) queue.Outcome {
		fmt.Println(m.ID)
		return queue.Done(func(tx *store.Tx) error {
			_, _, err := tx.AcquireLease("done/"+string(m.ID), ebb.NodeID(uuid.NewString()), time.UnixMilli(1), time.UnixMilli(0))
			return err
		})
	}})
	if err != nil {
		return err
	}
	return q.Run(ctx)
}

// startDrainer starts one and reads what it handles; seen is called for each.
func startDrainer(t *testing.T, url string, seen func()) (kill func()) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), drainer+"="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			seen()
		}
	})
	kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		reading.Wait()
		_ = cmd.Wait() // killed, as was meant
	})
	t.Cleanup(kill)
	return kill
}

// TestTwoProcessesDrainOneQueue: two processes handle the messages of one
// PostgreSQL while others are enqueued, and one after the other is killed: every
// message that was accepted is handled, and acknowledged exactly once.
func TestTwoProcessesDrainOneQueue(t *testing.T) {
	const messages, kills = 600, 3
	url := postgrestest.Database(t)
	s, q, err := openQueue(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	handled := make(chan struct{}, 100*messages)
	seen := func() { handled <- struct{}{} }
	drainers := [2]func(){startDrainer(t, url, seen), startDrainer(t, url, seen)}
	began := time.Now()
	var ids []ebb.MessageID
	enqueued := make(chan error, 1)
	go func() {
		for i := range messages {
			id := ebb.MessageID(fmt.Sprintf("m-%04d", i))
			if err := s.Tx(t.Context(), func(tx *store.Tx) error {
				_, err := q.Enqueue(tx, queue.Enqueue{ID: id, Queue: "work", Service: ebb.DefaultService,
					Group: fmt.Sprint(i % 5), Body: make([]byte, 1024)})
				return err
			}); err != nil {
				enqueued <- err
				return
			}
			ids = append(ids, id)
		}
		enqueued <- nil
	}()
	for n := range kills {
		for range messages / (2 * kills) { // so many more are handled first
			select {
			case <-handled:
			case <-time.After(limit):
				t.Fatal("nothing is handled any more")
			}
		}
		drainers[n%2]()
		drainers[n%2] = startDrainer(t, url, seen)
	}
	if err := <-enqueued; err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		left := 0
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			return tx.CountMessages(func(_, _ string, count int64, _ time.Time) { left += int(count) })
		})
		if err == nil && left > 0 {
			err = fmt.Errorf("%d messages are left", left)
		}
		return err
	})
	t.Logf("%d messages in %v", messages, time.Since(began))
	if err := s.Read(t.Context(), func(tx *store.Tx) error {
		for _, id := range ids {
			done, err := tx.Lease("done/" + string(id))
			if errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s vanished", id)
				continue
			}
			if err != nil {
				return err
			}
			if done.Epoch != 1 {
				t.Errorf("%s was acknowledged %d times", id, done.Epoch)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
