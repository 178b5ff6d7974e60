package directory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/pattern"
	"github.com/ebb-faas/ebb/internal/store"
)

// stateSent is the state of a file that something is left to do with when its
// task is over.
const stateSent = "sent"

// record is one of S3's event records for a file, and what ebb adds to it.
type record struct {
	EventVersion string         `json:"eventVersion"`
	EventSource  string         `json:"eventSource"`
	AWSRegion    string         `json:"awsRegion"`
	EventTime    string         `json:"eventTime"`
	EventName    string         `json:"eventName"`
	S3           map[string]any `json:"s3"`
	Ebb          details        `json:"ebb"`
}

// details say where a file is.
type details struct {
	Trigger  string `json:"trigger"`
	Path     string `json:"path"`   // on the host
	Folder   string `json:"folder"` // the trigger's
	Name     string `json:"name"`   // from the folder on
	Modified string `json:"modified"`
}

const timeFormat = "2006-01-02T15:04:05.000Z"

func (k *Kind) record(t *ebb.Trigger, s *Settings, x *file) record {
	return record{
		EventVersion: "2.1", EventSource: "ebb:directory", AWSRegion: k.deps.Region, EventName: "ObjectCreated:Put",
		EventTime: k.deps.Now().UTC().Format(timeFormat),
		S3: map[string]any{
			"s3SchemaVersion": "1.0", "configurationId": t.Name,
			"bucket": map[string]any{"name": s.Path, "ownerIdentity": map[string]string{"principalId": string(t.Service)}, "arn": "file://" + s.Path},
			"object": map[string]any{"key": strings.ReplaceAll(url.QueryEscape(x.name), "%2F", "/"), "size": x.size,
				"sequencer": fmt.Sprintf("%018X", max(x.modified.UnixNano(), 0))},
		},
		Ebb: details{Trigger: t.Name, Path: path.Join(s.Path, x.name), Folder: s.Path, Name: x.name, Modified: x.modified.UTC().Format(time.RFC3339Nano)},
	}
}

func (k *Kind) event(t *ebb.Trigger, s *Settings, x *file) ([]byte, error) {
	return encode(map[string]any{"Records": []record{k.record(t, s, x)}})
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// wants reports whether a file is what the trigger's filters ask for.
func (f *folder) wants(x *file) (bool, error) {
	if len(f.t.Filters) == 0 {
		return true, nil
	}
	text, err := json.Marshal(f.k.record(f.t, f.s, x))
	if err != nil {
		return false, err
	}
	for _, filter := range f.t.Filters {
		p, err := pattern.Compile(filter)
		if err != nil {
			return false, err
		}
		if ok, err := p.Match(text); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// taskID names the task that a file becomes.
func (f *folder) taskID(x *file) ebb.MessageID {
	sum := sha256.Sum256([]byte(string(f.t.ID) + "\x00" + x.name + "\x00" + x.identity))
	return ebb.MessageID(f.t.Name + "@" + hex.EncodeToString(sum[:12]))
}

// look tells of those of some files that are complete and were not told.
func (f *folder) look(ctx context.Context, names []string) error {
	slices.Sort(names)
	for part := range slices.Chunk(names, chunk) {
		if err := f.tell(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) tell(ctx context.Context, names []string) error {
	known := make(map[string]string)
	err := f.k.deps.Store.Read(ctx, func(tx *store.Tx) error {
		clear(known)
		seen, err := tx.SeenOf(f.t.ID, names)
		for _, s := range seen {
			known[s.Name] = s.Identity
		}
		return err
	})
	if err != nil {
		return err
	}
	var files []*file
	for _, name := range names {
		x := f.stat(name)
		if x == nil || known[name] == x.identity {
			delete(f.pending, name)
			continue
		}
		if f.isComplete(x) {
			files = append(files, x)
		}
	}
	if len(files) == 0 {
		return nil
	}
	if err := f.hand(ctx, files); err != nil {
		return err
	}
	for _, x := range files {
		delete(f.pending, x.name)
	}
	return nil
}

// handed is a file on its way.
type handed struct {
	*file
	task ebb.MessageID
	send func(*store.Tx) error
	skip bool // by a filter
}

// hand hands files over, in one Tx.
func (f *folder) hand(ctx context.Context, files []*file) error {
	var all []*handed
	for _, x := range files {
		h := &handed{file: x, task: f.taskID(x)}
		wanted, err := f.wants(x)
		if err != nil {
			return err
		}
		if h.skip = !wanted; wanted {
			event, err := f.k.event(f.t, f.s, x)
			if err != nil {
				return err
			}
			h.send, err = f.k.deps.Send(ctx, f.t, h.task, event)
			switch kind := ebb.KindOf(err); {
			case err == nil:
			case kind == ebb.NotFound || kind == ebb.Invalid || kind == ebb.TooLarge || kind == ebb.Forbidden:
				return fmt.Errorf("the target does not take its events: %w", err) // files stay; it is tried again
			default:
				return err
			}
		}
		all = append(all, h)
	}
	var s *ebb.TriggerState
	err := f.k.deps.Store.Tx(ctx, func(tx *store.Tx) (err error) {
		s, err = f.write(tx, all)
		return err
	})
	if err == nil && f.k.deps.Count != nil && s != nil {
		f.k.deps.Count(f.t.Ref(), ebb.TriggerCounts{Taken: s.Fired, Filtered: s.Skipped})
	}
	return err
}

func (f *folder) write(tx *store.Tx, all []*handed) (*ebb.TriggerState, error) {
	now, err := tx.TriggerByID(f.t.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && (now.Paused || now.Revision != f.t.Revision) {
		return nil, nil // another source will find them, or none
	}
	if err != nil {
		return nil, err
	}
	s := &ebb.TriggerState{LastAt: f.k.deps.Now()}
	for _, h := range all {
		row := &store.Seen{Name: h.name, Identity: h.identity, Task: h.task, At: s.LastAt}
		if !h.skip && (f.s.After != Keep || f.s.Failed != "") {
			row.State = stateSent
		}
		err := tx.PutSeen(f.t.ID, row)
		switch {
		case errors.Is(err, store.ErrExists): // another node was first
			continue
		case err != nil:
			return nil, err
		case h.skip:
			s.Skipped++
			continue
		}
		if err := h.send(tx); err != nil {
			return nil, err
		}
		s.Fired++
		s.LastTask = h.task
	}
	return s, tx.AddTriggerState(f.t.ID, s)
}

// finish does what is left to do with files whose tasks are over.
func (f *folder) finish(ctx context.Context) error {
	if f.s.After == Keep && f.s.Failed == "" {
		return nil
	}
	for after := ""; ; {
		var rows []*store.Seen
		err := f.k.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
			rows, err = tx.SeenInState(f.t.ID, stateSent, after, chunk)
			return err
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, r := range rows {
			if err := f.finishOne(ctx, r); err != nil {
				return err
			}
		}
		after = rows[len(rows)-1].Name
	}
}

func (f *folder) finishOne(ctx context.Context, r *store.Seen) error {
	how, err := f.k.deps.Outcome(ctx, f.t, r.Task)
	if err != nil || how == Waiting {
		return err
	}
	gone, err := f.put(r, how)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	return f.k.deps.Store.Tx(ctx, func(tx *store.Tx) error {
		if gone {
			return tx.DeleteSeen(f.t.ID, r.Name)
		}
		return tx.SetSeenState(f.t.ID, r.Name, r.Identity, "")
	})
}

// put moves or removes a file by how its task went, with its marker. gone says
// that it is not there any more.
func (f *folder) put(r *store.Seen, how Outcome) (gone bool, err error) {
	info, err := f.root.Lstat(f.at(r.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if identity(info) != r.Identity {
		return false, nil // it is another one by now
	}
	var folder string
	switch {
	case how == Succeeded && f.s.After == Delete:
		if err := f.root.Remove(f.at(r.Name)); err != nil {
			return false, err
		}
		return true, f.removeMarker(r.Name)
	case how == Succeeded && f.s.After == Archive:
		folder = f.s.Archive
	case how == Failed && f.s.Failed != "":
		folder = f.s.Failed
	default:
		return false, nil
	}
	if err := f.move(r, folder); err != nil {
		return false, err
	}
	return true, f.removeMarker(r.Name)
}

func (f *folder) removeMarker(name string) error {
	if f.s.Marker == "" {
		return nil
	}
	if err := f.root.Remove(f.at(name + f.s.Marker)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// move moves a file to a folder. What is there under its name stays: the file gets
// the time of its task behind its name.
func (f *folder) move(r *store.Seen, folder string) error {
	to := f.at(path.Join(folder, r.Name))
	const private = 0o750
	if err := f.root.MkdirAll(path.Dir(to), private); err != nil {
		return err
	}
	if _, err := f.root.Lstat(to); err == nil {
		to += "." + r.At.UTC().Format("20060102T150405.000Z")
	}
	return f.root.Rename(f.at(r.Name), to)
}

// cleanEvery is how often rows without files are looked for.
const cleanEvery = time.Minute

// clean forgets files that are not there any more.
func (f *folder) clean(ctx context.Context) error {
	if time.Since(f.cleaned) < cleanEvery {
		return nil
	}
	for after := ""; ; {
		var rows []*store.Seen
		err := f.k.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
			rows, err = tx.SeenAfter(f.t.ID, after, chunk)
			return err
		})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		var gone []string
		for _, r := range rows {
			if _, err := f.root.Lstat(f.at(r.Name)); errors.Is(err, fs.ErrNotExist) && r.State == "" {
				gone = append(gone, r.Name)
			}
		}
		if len(gone) > 0 {
			if err := f.k.deps.Store.Tx(ctx, func(tx *store.Tx) error {
				for _, name := range gone {
					if err := tx.DeleteSeen(f.t.ID, name); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				return err
			}
		}
		after = rows[len(rows)-1].Name
	}
	f.cleaned = time.Now()
	return nil
}
