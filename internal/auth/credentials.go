package auth

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// CredentialsFile is the name of the root credentials in a data directory.
const CredentialsFile = "credentials.json"

// Credentials prove a principal. For root, Token is the bearer token that may
// be sent instead of a signature; for a box it is the session token that must
// go with every signature.
type Credentials struct {
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
	Token           string `json:"token"`
}

// String keeps secrets out of logs and messages.
func (c Credentials) String() string { return "credentials of " + c.AccessKeyID }

// GoString keeps secrets out of %#v.
func (c Credentials) GoString() string { return c.String() }

// LoadOrCreateRoot reads dir/credentials.json, or makes it (mode 0600) if there
// is none. Of several processes that start at once on an empty directory one
// creates the file and all read the same. A file that others may read, or that
// is incomplete, is an error of type ConfigInvalid and is left as it is.
func LoadOrCreateRoot(dir string) (Credentials, error) {
	path := filepath.Join(dir, CredentialsFile)
	c, err := LoadRoot(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	c = Credentials{
		AccessKeyID:     "AKIA" + rand.Text()[:16],
		SecretAccessKey: secret(30),
		Token:           "ebb_" + secret(32),
	}
	if err := writeOnce(dir, path, c); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return LoadRoot(dir)
		}
		return Credentials{}, fmt.Errorf("auth: make root credentials: %w", err)
	}
	return c, nil
}

// LoadRoot reads dir/credentials.json. The error matches fs.ErrNotExist if
// there is none; otherwise it is as LoadOrCreateRoot says.
func LoadRoot(dir string) (Credentials, error) {
	path := filepath.Join(dir, CredentialsFile)
	st, err := os.Lstat(path)
	if err != nil {
		return Credentials{}, fmt.Errorf("auth: read root credentials: %w", err)
	}
	if !st.Mode().IsRegular() {
		return Credentials{}, ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "%s: is not a regular file", path)
	}
	if perm := st.Mode().Perm(); perm&0o077 != 0 {
		return Credentials{}, ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid,
			"%s: mode %04o lets other users at the root credentials; run: chmod 600 %s", path, perm, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return Credentials{}, fmt.Errorf("auth: read root credentials: %w", err)
	}
	var c Credentials
	if err := json.Unmarshal(b, &c); err != nil {
		// The decoder's own message may quote the file, so it stays out.
		return Credentials{}, ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "%s: is not valid JSON", path)
	}
	if len(c.AccessKeyID) < 16 || len(c.SecretAccessKey) < 16 || len(c.Token) < 16 {
		return Credentials{}, ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid,
			"%s: access_key_id, secret_access_key and token must each have 16 or more characters", path)
	}
	return c, nil
}

// writeOnce makes path with c in it, whole and durable, or fails with
// fs.ErrExist if someone else did.
func writeOnce(dir, path string, c Credentials) (err error) {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	// CreateTemp makes its file with mode 0600.
	f, err := os.CreateTemp(dir, "."+CredentialsFile+".*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(append(b, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	// A link, unlike a rename, does not replace what is there.
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// secret returns n random bytes as text that needs no quoting in a shell.
func secret(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // documented never to fail
	return base64.RawURLEncoding.EncodeToString(b)
}
