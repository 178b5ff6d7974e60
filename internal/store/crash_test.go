package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/storetest"
)

const crashWriters = 8

// writeUntilKilled publishes versions from several goroutines and prints each
// "function number" after it was acknowledged.
func writeUntilKilled(path string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, store.Config{Path: path})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	failed := make(chan error)
	for w := range crashWriters {
		name := fmt.Sprint("w", w)
		go func() {
			for {
				var n int64
				err := s.Tx(ctx, func(tx *store.Tx) (err error) {
					if _, err = tx.Function(storetest.Key(name)); errors.Is(err, store.ErrNotFound) {
						err = storetest.Insert(tx, name)
					}
					if err != nil {
						return err
					}
					if n, err = tx.NextVersionNumber(storetest.Key(name)); err != nil {
						return err
					}
					return tx.InsertVersion(storetest.Version(name, n))
				})
				if err != nil {
					failed <- err
					return
				}
				mu.Lock()
				fmt.Println(name, n)
				mu.Unlock()
			}
		}()
	}
	return <-failed
}

// self starts this test binary in another role.
func self(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, path)
	cmd.Env = append(os.Environ(), child+"="+role)
	return cmd
}

// Whatever was acknowledged before kill -9 is there after it, and the rest is
// whole: no version without its function, no number beyond the counter.
func TestKillWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ebb.db")
	acknowledged := map[string]int64{}
	for round := range 6 {
		cmd := self(t, "write", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var complaint strings.Builder
		cmd.Stderr = &complaint
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for seen, kill := 0, 40+37*round; lines.Scan(); seen++ {
			name, number, _ := strings.Cut(lines.Text(), " ")
			n, err := strconv.ParseInt(number, 10, 64)
			if err != nil {
				continue // the line that the kill cut
			}
			acknowledged[name] = max(acknowledged[name], n)
			if seen == kill {
				if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
			t.Fatalf("the writer ended by itself: %v %s", err, complaint.String())
		}
		verifyCrash(t, path, acknowledged)
	}
	if len(acknowledged) < 2 {
		t.Fatalf("only %v were acknowledged", acknowledged)
	}
}

func verifyCrash(t *testing.T, path string, acknowledged map[string]int64) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Read(t, s, func(tx *store.Tx) error {
		for name, n := range acknowledged {
			vs, err := tx.Versions(storetest.Key(name), 0, 1<<20)
			if err != nil {
				return err
			}
			if int64(len(vs)) < n {
				t.Errorf("%s: %d was acknowledged, %d are there", name, n, len(vs))
			}
			for i, v := range vs {
				if v.Number != int64(i+1) {
					t.Errorf("%s: version %d at place %d", name, v.Number, i)
				}
			}
		}
		stray, err := tx.Count(`SELECT count(*) FROM version v LEFT JOIN version_number n
			ON n.service = v.service AND n.name = v.name WHERE v.number > coalesce(n.last, 0)`)
		if stray != 0 {
			t.Errorf("%d versions beyond their counter", stray)
		}
		return err
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A disk that refuses to write: calls fail as Unavailable, reads go on, and
// writing goes on by itself when the disk does. The refusal is real: the child
// may not make files longer than they are.
func TestStarvedDisk(t *testing.T) {
	out, err := self(t, "starve", filepath.Join(t.TempDir(), "ebb.db")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func starve(path string) error {
	signal.Ignore(syscall.SIGXFSZ) // a write over the limit is an error then
	ctx := context.Background()
	s, err := store.Open(ctx, store.Config{Path: path})
	if err != nil {
		return err
	}
	count := func() (n int, err error) {
		err = s.Read(ctx, func(tx *store.Tx) error {
			n, err = tx.CountFunctions(storetest.Service)
			return err
		})
		return n, err
	}
	written := 0
	put := func() error {
		err := s.Tx(ctx, insert(fmt.Sprint("f", written)))
		if err == nil {
			written++
		}
		return err
	}
	for range 50 {
		if err := put(); err != nil {
			return err
		}
	}
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	for round := range 3 {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 4096, Max: was.Max}); err != nil {
			return err
		}
		for range 5 {
			if err := put(); ebb.KindOf(err) != ebb.Unavailable {
				return fmt.Errorf("round %d: a refused write is %v", round, err)
			}
			if n, err := count(); err != nil || n != written {
				return fmt.Errorf("round %d: reads %d, wrote %d: %w", round, n, written, err)
			}
		}
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
			return err
		}
		for range 20 {
			if err := put(); err != nil {
				return fmt.Errorf("round %d: the disk is back: %w", round, err)
			}
		}
	}
	if n, err := count(); err != nil || n != written {
		return fmt.Errorf("in the end reads %d, wrote %d: %w", n, written, err)
	}
	return s.Close()
}
