package child

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func about(key string) *intent {
	return &intent{ObjectEvent: ebb.ObjectEvent{Name: "ObjectCreated:Put", Bucket: "b", Key: key}}
}

func keys(left []*intent) string {
	var all []string
	for _, i := range left {
		all = append(all, i.Key)
	}
	return strings.Join(all, " ")
}

// TestJournal: what was begun and is not over is there for the next process, in
// order; a line that was cut off counts for nothing.
func TestJournal(t *testing.T) {
	dir := t.TempDir()
	j, left, old, err := openJournal(dir)
	if err != nil || len(left)+len(old) != 0 {
		t.Fatal(left, old, err)
	}
	a, b, c := about("a"), about("b"), about("c")
	for _, i := range []*intent{a, b, c} {
		if err := j.add(i); err != nil {
			t.Fatal(err)
		}
	}
	if a.Sequencer >= b.Sequencer || b.Sequencer >= c.Sequencer || len(a.Sequencer) != 18 {
		t.Errorf("sequencers %s %s %s", a.Sequencer, b.Sequencer, c.Sequencer)
	}
	if err := j.done(b); err != nil {
		t.Fatal(err)
	}
	if _, err := j.current.file.WriteString(`+{"name":"cut o`); err != nil { // the process ends here
		t.Fatal(err)
	}
	next, left, old, err := openJournal(dir)
	if err != nil || keys(left) != "a c" || len(old) != 1 || left[0].Sequencer != a.Sequencer || left[0].Began == 0 {
		t.Fatalf("%s, %v, %v", keys(left), old, err)
	}
	if err := next.add(left...); err != nil { // carried over, as they are
		t.Fatal(err)
	}
	if left[0].Sequencer != a.Sequencer {
		t.Error("what was carried over has another sequencer")
	}
	if err := os.Remove(old[0]); err != nil {
		t.Fatal(err)
	}
	if err := next.done(left...); err != nil {
		t.Fatal(err)
	}
	if err := next.close(); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

// TestJournalSegments: a file goes when nothing in it is open, and not before.
func TestJournalSegments(t *testing.T) {
	dir := t.TempDir()
	j, _, _, err := openJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	first := about("first")
	if err := j.add(first); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("k", 900)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1200 {
				i := about(long)
				if err := j.add(i); err != nil {
					t.Error(err)
					return
				}
				if err := j.done(i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 2 {
		t.Errorf("files %v, %v: that of the first, and the last", files, err)
	}
	if err := j.done(first); err != nil {
		t.Fatal(err)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}
