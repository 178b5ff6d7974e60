package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestLoadOrCreateRoot(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadRoot(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("LoadRoot of an empty directory: %v", err)
	}
	c, err := LoadOrCreateRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(c.AccessKeyID, "AKIA") || len(c.AccessKeyID) != 20 ||
		len(c.SecretAccessKey) != 40 || !strings.HasPrefix(c.Token, "ebb_") || len(c.Token) < 40 {
		t.Fatalf("credentials %#v", c)
	}
	st, err := os.Stat(filepath.Join(dir, CredentialsFile))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", st.Mode(), err)
	}
	again, err := LoadOrCreateRoot(dir)
	if err != nil || again != c {
		t.Fatalf("second load differs: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("left behind: %v, %v", entries, err)
	}
	for _, s := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c)} {
		if strings.Contains(s, c.SecretAccessKey) || strings.Contains(s, c.Token) {
			t.Fatalf("%q tells a secret", s)
		}
	}
}

func TestCreateRootAtOnce(t *testing.T) {
	dir := t.TempDir()
	got := make([]Credentials, 16)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			c, err := LoadOrCreateRoot(dir)
			if err != nil {
				t.Error(err)
			}
			got[i] = c
		})
	}
	wg.Wait()
	for _, c := range got {
		if c != got[0] {
			t.Fatal("two starters have different credentials")
		}
	}
}

func TestRootRefused(t *testing.T) {
	const good = `{"access_key_id":"AKIATESTTESTTESTTEST","secret_access_key":"0123456789abcdef","token":"0123456789abcdef"}`
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		part string
	}{
		"group may read": {good, 0o640, "chmod 600"},
		"all may read":   {good, 0o604, "chmod 600"},
		"not JSON":       {"{", 0o600, "not valid JSON"},
		"empty":          {"", 0o600, "not valid JSON"},
		"no token":       {strings.Replace(good, "token", "x", 1), 0o600, "16 or more"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, CredentialsFile)
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			_, err := LoadOrCreateRoot(dir)
			if ebb.TypeOf(err) != ebb.TypeConfigInvalid || !strings.Contains(err.Error(), c.part) || !strings.Contains(err.Error(), path) {
				t.Fatalf("error %v", err)
			}
			if b, err := os.ReadFile(path); err != nil || string(b) != c.text {
				t.Fatalf("the file was changed: %q, %v", b, err)
			}
		})
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, CredentialsFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreateRoot(dir); err == nil || !strings.Contains(err.Error(), "regular file") {
		t.Fatal(err)
	}
	if _, err := LoadOrCreateRoot(filepath.Join(dir, "missing")); err == nil {
		t.Fatal("made credentials in a directory that is not there")
	}
}
