package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// PutPayload stores the payload of an event, which survives a crash when it
// returns. It is kept until CollectPayloads finds that nothing names it.
func (s *Store) PutPayload(ctx context.Context, content []byte) (ebb.Digest, error) {
	sum := sha256.Sum256(content)
	d := ebb.Digest(hex.EncodeToString(sum[:]))
	unlock, err := s.lock(ctx, d)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := s.putPayload(d, content); err != nil {
		return "", storageFault("store payload", err)
	}
	return d, nil
}

func (s *Store) putPayload(d ebb.Digest, content []byte) error {
	if s.exists(payloadPath(d)) {
		now := time.Now()
		return s.root.Chtimes(payloadPath(d), now, now)
	}
	tmp := payloadsDir + "/" + tmpName()
	err := s.writeFile(tmp, content)
	if err == nil {
		err = s.root.Rename(tmp, payloadPath(d))
	}
	if err != nil {
		_ = s.root.Remove(tmp) // Open removes it otherwise
		return err
	}
	return s.syncDir(payloadsDir)
}

// Payload returns what PutPayload was given.
func (s *Store) Payload(_ context.Context, d ebb.Digest) ([]byte, error) {
	if !d.Valid() {
		return nil, noPayload(d)
	}
	content, err := s.root.ReadFile(payloadPath(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noPayload(d)
	}
	if err != nil {
		return nil, storageFault("read payload", err)
	}
	return content, nil
}

// Payloads are the digests of all payloads there are.
func (s *Store) Payloads() ([]ebb.Digest, error) {
	names, err := s.names(payloadsDir)
	if err != nil {
		return nil, err
	}
	var all []ebb.Digest
	for _, name := range names {
		if d := ebb.Digest(name); d.Valid() {
			all = append(all, d)
		}
	}
	return all, nil
}

// CollectPayloads removes the payloads that are not in keep and were last put
// longer than olderThan ago, and reports how many.
func (s *Store) CollectPayloads(ctx context.Context, keep map[ebb.Digest]bool, olderThan time.Duration) (removed int, err error) {
	all, err := s.Payloads()
	if err != nil {
		return 0, err
	}
	before := time.Now().Add(-olderThan)
	var errs []error
	for _, d := range all {
		if keep[d] {
			continue
		}
		gone, err := s.collectPayload(ctx, d, before)
		if err != nil {
			errs = append(errs, err)
		}
		if gone {
			removed++
		}
	}
	return removed, errors.Join(errs...)
}

// collectPayload reads the age under the digest's lock: whoever puts the content
// again has either renewed it already or will store it anew.
func (s *Store) collectPayload(ctx context.Context, d ebb.Digest, before time.Time) (bool, error) {
	unlock, err := s.lock(ctx, d)
	if err != nil {
		return false, err
	}
	defer unlock()
	fi, err := s.root.Lstat(payloadPath(d))
	if err != nil || fi.ModTime().After(before) {
		return false, err
	}
	return true, s.root.Remove(payloadPath(d))
}

func payloadPath(d ebb.Digest) string { return payloadsDir + "/" + string(d) }

func noPayload(d ebb.Digest) error {
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Payload: %q is not stored", string(d))
}
