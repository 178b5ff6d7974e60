package secret

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// MasterKeyFile is the name of the master key in a data directory.
const MasterKeyFile = "master.key"

const fileHead = "# The master key of this platform's secrets. Keep a copy apart from backups:\n" +
	"# without it they cannot be read. The first line seals; further ones only open.\n"

// keys are the master keys that this process holds, the current one first. They
// are replaced as a whole.
type keys []*masterKey

func (k keys) find(id string) *masterKey {
	for _, m := range k {
		if m.id == id {
			return m
		}
	}
	return nil
}

func (k keys) ids() string {
	var ids []string
	for _, m := range k {
		ids = append(ids, m.id)
	}
	return strings.Join(ids, ", ")
}

// parseKeys reads base64 keys of 32 bytes, one a line or separated by commas.
func parseKeys(from, text string) (keys, error) {
	var all keys
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' }) {
			raw, err := base64.StdEncoding.DecodeString(word)
			if err != nil || len(raw) != keySize {
				// What is wrong with it is not said: it may be nearly a key.
				return nil, invalidKey("%s: key %d is not the base64 of %d bytes; make one with: openssl rand -base64 %d",
					from, len(all)+1, keySize, keySize)
			}
			all = append(all, newMasterKey([keySize]byte(raw)))
		}
	}
	if len(all) == 0 {
		return nil, invalidKey("%s: holds no key", from)
	}
	return all, nil
}

func (c *Config) file() string {
	if c.MasterKeyFile != "" {
		return c.MasterKeyFile
	}
	return filepath.Join(c.Dir, MasterKeyFile)
}

// loadKeys reads the master keys. They are nil if the default file is missing.
func (c *Config) loadKeys() (keys, error) {
	if c.MasterKey != "" {
		return parseKeys("EBB_MASTER_KEY", c.MasterKey)
	}
	path := c.file()
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && c.MasterKeyFile == "" {
		return nil, nil
	}
	if err != nil {
		return nil, invalidKey("secrets.masterKeyFile: %w", err)
	}
	if perm := st.Mode().Perm(); c.MasterKeyFile == "" && perm&0o077 != 0 {
		return nil, invalidKey("%s: mode %04o lets other users at the master key; run: chmod 600 %s", path, perm, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, invalidKey("%s: cannot be read: %w", path, err)
	}
	return parseKeys(path, string(text))
}

// writeKeys replaces the file as a whole; it is on the disk when it returns.
func (c *Config) writeKeys(all keys) (err error) {
	var b bytes.Buffer
	b.WriteString(fileHead)
	for _, m := range all {
		fmt.Fprintln(&b, base64.StdEncoding.EncodeToString(m.raw[:]))
	}
	path := c.file()
	f, err := os.CreateTemp(filepath.Dir(path), "."+MasterKeyFile+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(b.Bytes())
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// sweep removes what writeKeys left when the process was killed: there are keys
// in it.
func (c *Config) sweep() error {
	if c.MasterKey != "" || c.MasterKeyFile != "" {
		return nil
	}
	left, err := filepath.Glob(filepath.Join(c.Dir, "."+MasterKeyFile+".*"))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

func makeKey() *masterKey {
	var raw [keySize]byte
	_, _ = rand.Read(raw[:])
	return newMasterKey(raw)
}

// unlock finds the master keys that the database needs, or makes the first one.
func (s *Secrets) unlock(ctx context.Context) error {
	if err := s.cfg.sweep(); err != nil {
		return err
	}
	all, err := s.cfg.loadKeys()
	if err != nil {
		return err
	}
	var registered string
	var used []string
	if err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
		if registered, err = tx.MasterKey(); err != nil {
			return err
		}
		used, err = tx.MasterKeysInUse()
		return err
	}); err != nil {
		return err
	}
	if registered != "" {
		used = append(used, registered)
	}
	if all == nil {
		if len(used) > 0 {
			return invalidKey("%s: there is no master key, but the database belongs to key %s; put the file back "+
				"(a backup does not have it), or name it as secrets.masterKeyFile", s.cfg.file(), used[0])
		}
		all = keys{makeKey()}
		if err := s.cfg.writeKeys(all); err != nil {
			return ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable, "%s: cannot be written: %w", s.cfg.file(), err)
		}
	}
	for _, id := range used {
		if all.find(id) == nil {
			return invalidKey("the master key is %s, but the database holds values of key %s; nothing was changed. "+
				"Put the right key into %s, or add it there as a further line", all.ids(), id, s.cfg.file())
		}
	}
	if all[0].id != registered {
		if err := s.store.Tx(ctx, func(tx *store.Tx) error { return tx.SetMasterKey(all[0].id, registered) }); err != nil {
			return err
		}
	}
	s.keys.Store(&all)
	return s.rewrap(ctx)
}

// rewrapBatch is how many seals are replaced in one transaction.
const rewrapBatch = 100

// rewrap puts everything under the current master key.
func (s *Secrets) rewrap(ctx context.Context) error {
	to := s.current()
	for {
		n := 0
		err := s.store.Tx(ctx, func(tx *store.Tx) error {
			secrets, err := tx.StaleSecrets(to.id, rewrapBatch)
			if err != nil {
				return err
			}
			for i := range secrets {
				v := &secrets[i]
				was := v.Value.MasterID
				if v.Value, err = s.rewrapOne(to, secretPlace(v.Service, v.Name, v.Number), v.Value); err != nil {
					return fmt.Errorf("secret %s of service %s: %w", v.Name, v.Service, err)
				}
				if err := tx.ResealSecret(v, was); err != nil {
					return err
				}
			}
			held, err := tx.StaleKeys(to.id, rewrapBatch)
			if err != nil {
				return err
			}
			for i := range held {
				k := &held[i]
				was := k.Secret.MasterID
				if k.Secret, err = s.rewrapOne(to, keyPlace(k.ID), k.Secret); err != nil {
					return fmt.Errorf("access key %s: %w", k.ID, err)
				}
				if err := tx.ResealKey(k, was); err != nil {
					return err
				}
			}
			n = len(secrets) + len(held)
			return nil
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

func (s *Secrets) rewrapOne(to *masterKey, at []byte, v ebb.Sealed) (ebb.Sealed, error) {
	from := s.held().find(v.MasterID)
	if from == nil {
		return v, invalidKey("sealed with master key %s, which is not here", v.MasterID)
	}
	return from.rewrap(to, at, v)
}

// RotateMasterKey makes a new master key, puts everything under it and forgets
// the old one. It returns the new key's id.
func (s *Secrets) RotateMasterKey(ctx context.Context) (id string, err error) {
	s.rotating.Lock()
	defer s.rotating.Unlock()
	if s.cfg.MasterKey != "" || s.cfg.MasterKeyFile != "" {
		return "", ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
			"the master key is not ebb's to replace: put a new key before the old one where it comes from "+
				"(EBB_MASTER_KEY or secrets.masterKeyFile), start ebb again, then take the old one out")
	}
	// What the file has, not what this process holds: a rotation that broke off
	// left its key there.
	all, err := s.cfg.loadKeys()
	if err != nil {
		return "", err
	}
	all = slices.Insert(all, 0, makeKey())
	if err := s.cfg.writeKeys(all); err != nil {
		return "", ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable, "the new master key cannot be written: %w", err)
	}
	if err := s.step("written"); err != nil {
		return "", err
	}
	// From here on a crash is mended by the next start, and the caller's leaving
	// cuts nothing short.
	ctx = context.WithoutCancel(ctx)
	if err := s.store.Tx(ctx, func(tx *store.Tx) error {
		was, err := tx.MasterKey()
		if err == nil && all.find(was) == nil {
			err = invalidKey("the database belongs to master key %s, which is not in %s", was, s.cfg.file())
		}
		if err != nil {
			return err
		}
		return tx.SetMasterKey(all[0].id, was)
	}); err != nil {
		return "", err
	}
	s.keys.Store(&all)
	if err := s.step("registered"); err != nil {
		return "", err
	}
	if err := s.rewrap(ctx); err != nil {
		return "", err
	}
	if err := s.step("rewrapped"); err != nil {
		return "", err
	}
	only := all[:1]
	if err := s.cfg.writeKeys(only); err != nil {
		return "", ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable,
			"everything is under the new master key %s, but the old one could not be removed from %s: %w", only[0].id, s.cfg.file(), err)
	}
	s.keys.Store(&only)
	return only[0].id, nil
}

// MasterKeyID names the current master key.
func (s *Secrets) MasterKeyID() string { return s.current().id }

func (s *Secrets) held() keys          { return *s.keys.Load() }
func (s *Secrets) current() *masterKey { return s.held()[0] }

// forOpening finds the key of a sealed value. Another node may have brought a
// new one into a shared file, so that is looked at again.
func (s *Secrets) forOpening(id string) (*masterKey, error) {
	if m := s.held().find(id); m != nil {
		return m, nil
	}
	if all, err := s.cfg.loadKeys(); err == nil && all != nil {
		if m := all.find(id); m != nil {
			s.keys.Store(&all)
			return m, nil
		}
	}
	return nil, invalidKey("a value is sealed with master key %s, which this node does not have", id)
}

func invalidKey(format string, args ...any) error {
	return ebb.Errorf(ebb.Unavailable, ebb.TypeMasterKeyInvalid, format, args...)
}
