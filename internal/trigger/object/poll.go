package object

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/objects"
	"github.com/ebb-faas/ebb/internal/store"
)

// list looks at a bucket of another store again and again, and takes for events
// what is other than it was. The bucket's list and what was seen are both in the
// order of keys, and are gone through side by side, a page of each at a time.
type list struct {
	k *Kind
	t *ebb.Trigger
	s *Settings

	seen  []*store.Seen // a page, from the first that was not passed
	last  string        // of the page before
	ended bool
	first bool // nothing was ever seen
}

// known is how many of those seen are read at once.
const knownPage = 1000

// Run implements trigger.Source.
func (l *list) Run(ctx context.Context, up func()) error {
	p := l.s.Poll
	secret, err := l.k.reveal(ctx, l.t, p.SecretKey)
	if err != nil {
		return err
	}
	o := objects.New(objects.Config{Endpoint: p.Endpoint, Region: p.Region, AccessKeyID: p.AccessKeyID, SecretAccessKey: secret, VirtualHosts: p.VirtualHosts})
	defer o.Close()
	tick := time.NewTicker(time.Duration(p.Every) * time.Second)
	defer tick.Stop()
	for {
		if err := l.look(ctx, o); err != nil {
			return err
		}
		up()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// look goes through the bucket once.
func (l *list) look(ctx context.Context, o *objects.Objects) error {
	began := l.k.deps.Now()
	var s *ebb.TriggerState
	err := l.k.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
		s, err = tx.TriggerState(l.t.ID)
		return err
	})
	if err != nil {
		return err
	}
	l.seen, l.last, l.ended, l.first = nil, "", false, s.Position == ""
	var failed error
	err = o.List(ctx, l.t.Service, l.s.Bucket, l.s.Prefix, "", func(e objects.Object) bool {
		failed = l.found(ctx, &e)
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	if err := l.goneBefore(ctx, ""); err != nil {
		return err
	}
	return l.k.deps.Store.Tx(ctx, func(tx *store.Tx) error {
		return tx.SetTriggerPosition(l.t.ID, began.UTC().Format(time.RFC3339))
	})
}

// next is the first of those seen that was not passed; nil = there is none.
func (l *list) next(ctx context.Context) (*store.Seen, error) {
	if len(l.seen) == 0 && !l.ended {
		err := l.k.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
			l.seen, err = tx.SeenAfter(l.t.ID, l.last, knownPage)
			return err
		})
		if err != nil {
			return nil, err
		}
		if l.ended = len(l.seen) < knownPage; len(l.seen) > 0 {
			l.last = l.seen[len(l.seen)-1].Name
		}
	}
	if len(l.seen) == 0 {
		return nil, nil
	}
	return l.seen[0], nil
}

// goneBefore tells of those seen before a key, or all that are left if it is "",
// that they are gone: they are not in the list.
func (l *list) goneBefore(ctx context.Context, key string) error {
	for {
		s, err := l.next(ctx)
		if err != nil || s == nil || key != "" && s.Name >= key {
			return err
		}
		l.seen = l.seen[1:]
		e := &ebb.ObjectEvent{Name: "ObjectRemoved:Delete", Key: s.Name, Sequencer: l.sequencer(l.k.deps.Now()), Time: l.k.deps.Now()}
		if err := l.tell(ctx, e, func(tx *store.Tx) error { return tx.DeleteSeen(l.t.ID, s.Name) }); err != nil {
			return err
		}
	}
}

// found tells of an object of the list, if it was not seen before as it is.
func (l *list) found(ctx context.Context, o *objects.Object) error {
	if err := l.goneBefore(ctx, o.Key); err != nil {
		return err
	}
	s, err := l.next(ctx)
	if err != nil {
		return err
	}
	if s != nil && s.Name == o.Key {
		l.seen = l.seen[1:]
		if s.Identity == o.ETag+"@"+o.LastModified.UTC().Format(time.RFC3339) {
			return nil
		}
	}
	now := &store.Seen{Name: o.Key, Identity: o.ETag + "@" + o.LastModified.UTC().Format(time.RFC3339), At: l.k.deps.Now()}
	note := func(tx *store.Tx) error {
		if err := tx.PutSeen(l.t.ID, now); !errors.Is(err, store.ErrExists) {
			return err
		}
		return nil // another node has told it
	}
	if l.first && !l.s.Poll.Existing {
		return l.k.write(ctx, note)
	}
	e := &ebb.ObjectEvent{Name: "ObjectCreated:Put", Key: o.Key, Size: o.Size, ETag: unquote(o.ETag), Time: o.LastModified, Sequencer: l.sequencer(o.LastModified)}
	return l.tell(ctx, e, note)
}

func (l *list) tell(ctx context.Context, e *ebb.ObjectEvent, also func(*store.Tx) error) error {
	e.Bucket, e.Region, e.SourceIP = l.s.Bucket, l.s.Poll.Region, "127.0.0.1"
	return l.k.offer(ctx, l.t, e, also)
}

// sequencer orders what happened to a key by time.
func (l *list) sequencer(at time.Time) string { return fmt.Sprintf("%018X", at.UnixNano()) }

func unquote(etag string) string {
	if n := len(etag); n >= 2 && etag[0] == '"' && etag[n-1] == '"' {
		return etag[1 : n-1]
	}
	return etag
}
