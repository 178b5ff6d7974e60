package child

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// journal holds what is about to happen to objects. It is a sequence of files of
// lines: "+" and an intent, "-" and the sequencer of one that is over. A file goes
// when nothing in it is open and it is not the last.
type journal struct {
	dir string

	mu      sync.Mutex
	current *segment
	last    int64 // sequencer, nanoseconds since 1970
	written int64 // lines
	room    bool  // the file of reserved room is there

	syncMu sync.Mutex
	synced int64
}

type segment struct {
	file *os.File
	size int64
	open int
}

// maxSegment is from which size on, in bytes, a new file is begun.
const maxSegment = 4 << 20

// reserved is how many bytes of the disk are held for the removal of objects: on a
// full disk it is what makes room.
const reserved = 64 << 10

// intent is an event that will happen if what it is about succeeds.
type intent struct {
	ebb.ObjectEvent
	Began int64 `json:"began"` // milliseconds since 1970

	in *segment
}

// openJournal opens a folder and returns what earlier processes left open. The
// files of those stand in old, to be removed when it is done with.
func openJournal(dir string) (j *journal, left []*intent, old []string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, nil, err
	}
	entries, err := os.ReadDir(dir) // by name: by time
	if err != nil {
		return nil, nil, nil, err
	}
	open := make(map[string]*intent)
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if err := readSegment(path, open); err != nil {
			return nil, nil, nil, err
		}
		old = append(old, path)
	}
	for _, i := range open {
		left = append(left, i)
	}
	slices.SortFunc(left, func(a, b *intent) int { return strings.Compare(a.Sequencer, b.Sequencer) })
	j = &journal{dir: dir, last: time.Now().UnixNano()}
	err = j.begin()
	j.reserve()
	return j, left, old, err
}

func readSegment(path string, open map[string]*intent) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "+"):
			i := new(intent)
			if json.Unmarshal([]byte(line[1:]), i) == nil { // else it was cut off, and never begun
				open[i.Sequencer] = i
			}
		case strings.HasPrefix(line, "-"):
			delete(open, line[1:])
		}
	}
	return lines.Err()
}

// begin begins a file. The caller holds mu, or nobody else has j.
func (j *journal) begin() error {
	path := filepath.Join(j.dir, fmt.Sprintf("%020d", time.Now().UnixNano()))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	was := j.current
	j.current = &segment{file: file}
	if was != nil {
		err = was.drop()
	}
	return errors.Join(err, syncDir(j.dir))
}

// reserve holds room on the disk, if there is any.
func (j *journal) reserve() {
	if !j.room {
		j.room = os.WriteFile(j.dir+".reserve", make([]byte, reserved), 0o600) == nil
	}
}

// write appends to the last file, the whole text or nothing. The caller holds mu.
func (j *journal) write(s *segment, text []byte, removal bool) error {
	n, err := s.file.Write(text)
	if err == nil {
		s.size += int64(n)
		return nil
	}
	err = errors.Join(err, s.file.Truncate(s.size)) // half a line would spoil the next one
	if removal && j.room && errors.Is(err, syscall.ENOSPC) {
		j.room = false
		if err := os.Truncate(j.dir+".reserve", 0); err == nil {
			return j.write(s, text, removal)
		}
	}
	return err
}

// drop removes a file that nothing is open in.
func (s *segment) drop() error {
	if s.open > 0 {
		return nil
	}
	return errors.Join(os.Remove(s.file.Name()), s.file.Close())
}

// add writes intents, on the disk when it returns, and gives those their
// sequencers that have none.
func (j *journal) add(intents ...*intent) error {
	j.mu.Lock()
	now := time.Now()
	var text []byte
	for _, i := range intents {
		if i.Sequencer == "" { // else an earlier process gave it
			j.last = max(j.last+1, now.UnixNano())
			i.Sequencer, i.Began = fmt.Sprintf("%018X", j.last), now.UnixMilli()
		}
		line, err := json.Marshal(i)
		if err != nil {
			j.mu.Unlock()
			return err
		}
		text = append(append(append(text, '+'), line...), '\n')
	}
	s := j.current
	removal := !slices.ContainsFunc(intents, func(i *intent) bool { return !i.Removed() })
	err := j.write(s, text, removal)
	if err != nil {
		j.mu.Unlock()
		return err
	}
	for _, i := range intents {
		i.in = s
	}
	s.open += len(intents)
	j.written++
	mine := j.written
	if s.size > maxSegment {
		err = errors.Join(s.file.Sync(), j.begin())
	}
	j.mu.Unlock()
	if err != nil {
		return err
	}
	return j.sync(mine)
}

// sync has line mine on the disk, with all that came before it in one write.
func (j *journal) sync(mine int64) error {
	j.syncMu.Lock()
	defer j.syncMu.Unlock()
	if j.synced >= mine {
		return nil
	}
	j.mu.Lock()
	upto, file := j.written, j.current.file // an earlier file was synced when it was left
	j.mu.Unlock()
	if err := file.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	j.synced = upto
	return nil
}

// done takes intents out. What of that does not reach the disk is told twice.
func (j *journal) done(intents ...*intent) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	for _, i := range intents {
		if err := j.write(i.in, []byte("-"+i.Sequencer+"\n"), false); err != nil {
			errs = append(errs, err)
		}
		if i.Removed() {
			j.reserve()
		}
		if i.in.open--; i.in != j.current {
			errs = append(errs, i.in.drop())
		}
	}
	return errors.Join(errs...)
}

// close closes the journal, and removes the last file if nothing is open in it.
func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.current.open > 0 {
		return j.current.file.Close()
	}
	return j.current.drop()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
