package secret

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const svc = ebb.DefaultService

// fixture is a data directory; open starts on it as a new process would.
type fixture struct {
	t   *testing.T
	dir string
	cfg Config
}

func newFixture(t *testing.T) *fixture {
	dir := t.TempDir()
	return &fixture{t: t, dir: dir, cfg: Config{Dir: dir, Keep: 2}}
}

func (f *fixture) try() (*Secrets, *store.Store, error) {
	f.t.Helper()
	st, err := store.Open(f.t.Context(), store.Config{Path: filepath.Join(f.dir, "ebb.db"), Twice: true})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = st.Close() })
	s, err := Open(f.t.Context(), f.cfg, st)
	return s, st, err
}

func (f *fixture) open() (*Secrets, *store.Store) {
	f.t.Helper()
	s, st, err := f.try()
	if err != nil {
		f.t.Fatal(err)
	}
	return s, st
}

func put(t *testing.T, s *Secrets, name, value string) *ebb.Secret {
	t.Helper()
	out, err := s.Put(t.Context(), Put{Service: svc, Name: name, Value: []byte(value)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func wantValue(t *testing.T, s *Secrets, ref ebb.SecretRef, want string) {
	t.Helper()
	got, _, err := s.Value(t.Context(), svc, ref)
	if err != nil || string(got) != want {
		t.Fatalf("%v is %q (%v), want %q", ref, got, err, want)
	}
}

func TestVersions(t *testing.T) {
	s, _ := newFixture(t).open()
	var told []string
	s.OnChange(func(service ebb.ServiceID, name string) { told = append(told, string(service)+name) })
	for _, v := range []string{"one", "two", "three", "four"} {
		put(t, s, "db", v)
	}
	out, err := s.Get(t.Context(), svc, "db")
	if err != nil || out.Current != 4 || len(out.Versions) != 3 || out.Versions[0].Number != 4 || out.Versions[2].Number != 2 {
		t.Fatalf("%+v %v", out, err)
	}
	wantValue(t, s, ebb.SecretRef{Name: "db"}, "four")
	wantValue(t, s, ebb.SecretRef{Name: "db", Version: 2}, "two")
	if _, _, err := s.Value(t.Context(), svc, ebb.SecretRef{Name: "db", Version: 1}); ebb.KindOf(err) != ebb.NotFound {
		t.Errorf("a version that is too old: %v", err)
	}
	if _, _, err := s.Value(t.Context(), "123456789012", ebb.SecretRef{Name: "db"}); ebb.KindOf(err) != ebb.NotFound {
		t.Errorf("another service's secret: %v", err)
	}
	if _, err := s.Rotate(t.Context(), svc, "db", 40); err != nil {
		t.Fatal(err)
	}
	value, _, err := s.Value(t.Context(), svc, ebb.SecretRef{Name: "db"})
	if err != nil || len(value) != 40 || string(value) == "four" {
		t.Errorf("rotated to %q (%v)", value, err)
	}
	if err := s.Delete(t.Context(), svc, "db", false); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), svc, "db", false); ebb.KindOf(err) != ebb.NotFound {
		t.Errorf("deleted twice: %v", err)
	}
	if len(told) != 6 || told[0] != string(svc)+"db" {
		t.Errorf("told %v", told)
	}
}

func TestPutRefuses(t *testing.T) {
	s, _ := newFixture(t).open()
	long := strings.Repeat("x", 257)
	for want, p := range map[string]Put{
		"name:":        {Name: "a/b", Value: []byte("x")},
		"value: must":  {Name: "a"},
		"value: has":   {Name: "a", Value: make([]byte, MaxValue+1)},
		"description:": {Name: "a", Value: []byte("x"), Description: &long},
	} {
		p.Service = svc
		if _, err := s.Put(t.Context(), p); ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := s.Put(t.Context(), Put{Service: "123456789012", Name: "a", Value: []byte("x")}); ebb.KindOf(err) != ebb.NotFound {
		t.Errorf("a service that is not there: %v", err)
	}
	put(t, s, "largest", string(make([]byte, MaxValue)))
}

func TestResolve(t *testing.T) {
	s, _ := newFixture(t).open()
	put(t, s, "db", "old")
	put(t, s, "db", "new")
	put(t, s, "bytes", "\xff\x00")
	plain := map[string]string{"A": "1"}
	if got, err := s.Resolve(t.Context(), svc, plain); err != nil || got["A"] != "1" {
		t.Fatal(got, err)
	}
	env := map[string]string{"A": "1", "CURRENT": "secret://db", "PINNED": "secret://db#1", "BIN": "secret://bytes"}
	if err := s.Check(t.Context(), svc, env); err != nil {
		t.Fatal(err)
	}
	got, err := s.Resolve(t.Context(), svc, env)
	if err != nil || got["A"] != "1" || got["CURRENT"] != "new" || got["PINNED"] != "old" ||
		got["BIN"] != base64.StdEncoding.EncodeToString([]byte("\xff\x00")) || env["CURRENT"] != "secret://db" {
		t.Fatalf("%v %v", got, err)
	}
	for _, bad := range []string{"secret://", "secret://none", "secret://db#9", "secret://db#x", "secret://a b"} {
		err := s.Check(t.Context(), svc, map[string]string{"V": bad})
		if ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), "Environment.Variables.V") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	_, err = s.Resolve(t.Context(), svc, map[string]string{"V": "secret://none"})
	if ebb.KindOf(err) != ebb.NotFound || !strings.Contains(err.Error(), "Environment.Variables.V") {
		t.Error(err)
	}
}

func TestDeleteOfWhatIsInUse(t *testing.T) {
	s, st := newFixture(t).open()
	put(t, s, "db", "x")
	put(t, s, "db2", "x")
	env := map[string]string{"DB": "secret://db#1"}
	if err := st.Tx(t.Context(), func(tx *store.Tx) error {
		k := ebb.FunctionKey{Service: svc, Name: "f"}
		if err := tx.InsertFunction(&ebb.Function{FunctionKey: k}); err != nil {
			return err
		}
		if err := tx.InsertVersion(&ebb.Version{FunctionKey: k, RevisionID: "r", Env: env}); err != nil {
			return err
		}
		sv, err := tx.Service(svc)
		if err != nil {
			return err
		}
		sv.Env = map[string]string{"DB": "secret://db2"}
		return tx.UpdateService(sv)
	}); err != nil {
		t.Fatal(err)
	}
	for name, user := range map[string]string{"db": "function f:$LATEST", "db2": "service default"} {
		if err := s.Delete(t.Context(), svc, name, false); ebb.KindOf(err) != ebb.Conflict || !strings.Contains(err.Error(), user) {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Delete(t.Context(), svc, name, true); err != nil {
			t.Error(err)
		}
	}
}

// Nothing of a value, nor of a key, is in the database's file.
func TestDatabaseHoldsNoPlainText(t *testing.T) {
	f := newFixture(t)
	s, st := f.open()
	const value = "correct-horse-battery-staple"
	put(t, s, "db", value)
	raw := s.current().raw[:]
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(f.dir, "ebb.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(value)) || bytes.Contains(text, raw) {
			t.Errorf("%s holds what it must not", name)
		}
	}
}

// A seal that was moved to another name, version or service does not open.
func TestSealIsBoundToItsPlace(t *testing.T) {
	m := makeKey()
	sealed := m.seal(secretPlace(svc, "a", 1), []byte("x"))
	for _, at := range [][]byte{secretPlace(svc, "a", 2), secretPlace(svc, "b", 1), secretPlace("123456789012", "a", 1), keyPlace("a")} {
		if _, err := m.open(at, sealed); !errors.Is(err, errSeal) {
			t.Errorf("%q opened: %v", at, err)
		}
	}
	for i := range sealed.Blob {
		broken := ebb.Sealed{MasterID: m.id, Blob: slices.Clone(sealed.Blob)}
		broken.Blob[i] ^= 1
		if _, err := m.open(secretPlace(svc, "a", 1), broken); err == nil {
			t.Fatalf("opened with byte %d changed", i)
		}
		if _, err := m.open(secretPlace(svc, "a", 1), ebb.Sealed{Blob: sealed.Blob[:i]}); err == nil {
			t.Fatalf("opened when cut at %d", i)
		}
	}
}

func TestMasterKeyMissingOrWrong(t *testing.T) {
	f := newFixture(t)
	s, st := f.open()
	put(t, s, "db", "x")
	_ = st.Close()
	path := filepath.Join(f.dir, MasterKeyFile)
	right, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Fatal(st.Mode(), err)
	}
	database := func() string {
		text, err := os.ReadFile(filepath.Join(f.dir, "ebb.db"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	before := database()
	refused := func(what, part string) {
		t.Helper()
		_, st, err := f.try()
		_ = st.Close()
		if ebb.TypeOf(err) != ebb.TypeMasterKeyInvalid || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", what, err)
		}
		if database() != before {
			t.Errorf("%s: the database was changed", what)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	refused("missing", "put the file back")
	if _, err := os.Stat(path); err == nil {
		t.Error("a new key was made")
	}
	other := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, keySize))
	write := func(text string, mode os.FileMode) {
		t.Helper()
		_ = os.Remove(path)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write(other+"\n", 0o600)
	refused("wrong", "nothing was changed")
	write("nonsense\n", 0o600)
	refused("nonsense", "base64 of 32 bytes")
	write("", 0o600)
	refused("empty", "holds no key")
	write(string(right), 0o644)
	refused("open to others", "chmod 600")
	f.cfg.MasterKeyFile = filepath.Join(f.dir, "elsewhere")
	refused("named but not there", "elsewhere")
	f.cfg.MasterKeyFile = ""
	// The operator's way to a new key: it comes first, the old one stays for a while.
	write(other+"\n"+string(right), 0o600)
	s, st = f.open()
	wantValue(t, s, ebb.SecretRef{Name: "db"}, "x")
	_ = st.Close()
	write(other, 0o600)
	s, st = f.open()
	wantValue(t, s, ebb.SecretRef{Name: "db"}, "x")
	_ = st.Close()
	f.cfg.MasterKey = other
	_ = os.Remove(path)
	s, _ = f.open()
	wantValue(t, s, ebb.SecretRef{Name: "db"}, "x")
	if _, err := s.RotateMasterKey(t.Context()); ebb.KindOf(err) != ebb.Invalid {
		t.Errorf("a key of the environment was replaced: %v", err)
	}
}

// A node with another key than the database's seals nothing.
func TestTwoNodesWithDifferentKeys(t *testing.T) {
	f := newFixture(t)
	s, st := f.open()
	other := keys{makeKey()}
	s.keys.Store(&other)
	if _, err := s.Put(t.Context(), Put{Service: svc, Name: "db", Value: []byte("x")}); ebb.TypeOf(err) != ebb.TypeMasterKeyInvalid {
		t.Errorf("got %v", err)
	}
	if err := st.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.Secret(svc, "db"); return err }); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a part was written: %v", err)
	}
}

// A rotation of the master key that ends between any two of its writes loses
// nothing, and the next start or the next rotation finishes it.
func TestRotateMasterKeyBrokenOff(t *testing.T) {
	stop := errors.New("killed")
	for _, point := range []string{"written", "registered", "rewrapped", ""} {
		for _, restart := range []bool{true, false} {
			t.Run(point, func(t *testing.T) {
				f := newFixture(t)
				s, st := f.open()
				const many = rewrapBatch + 7
				for range 3 {
					put(t, s, "db", "v")
				}
				sealKey(t, s, st, "AKIA1", "key")
				for i := range many {
					put(t, s, "s"+strings.Repeat("x", i%50)+string(rune('a'+i/50)), "v")
				}
				was := s.MasterKeyID()
				s.step = func(at string) error {
					if at == point {
						return stop
					}
					return nil
				}
				if _, err := s.RotateMasterKey(t.Context()); errors.Is(err, stop) != (point != "") || err != nil && point == "" {
					t.Fatal(err)
				}
				if restart {
					_ = st.Close()
					s, st = f.open()
				}
				s.step = func(string) error { return nil }
				check := func() {
					t.Helper()
					wantValue(t, s, ebb.SecretRef{Name: "db", Version: 1}, "v")
					wantValue(t, s, ebb.SecretRef{Name: "sxxa"}, "v")
					openKey(t, s, st, "AKIA1", "key")
				}
				check()
				if restart && s.MasterKeyID() == was {
					t.Error("the new key is not in force")
				}
				id, err := s.RotateMasterKey(t.Context())
				if err != nil || id != s.MasterKeyID() || id == was || len(s.held()) != 1 {
					t.Fatal(id, err)
				}
				check()
				put(t, s, "db", "later")
			})
		}
	}
}

func sealKey(t *testing.T, s *Secrets, st *store.Store, id, value string) {
	t.Helper()
	if err := st.Tx(t.Context(), func(tx *store.Tx) error {
		sealed, err := s.SealKey(tx, id, []byte(value))
		if err != nil {
			return err
		}
		return tx.InsertKey(&store.Key{AccessKey: ebb.AccessKey{ID: id, CreatedAt: time.UnixMilli(0)}, TokenHash: id, Secret: sealed})
	}); err != nil {
		t.Fatal(err)
	}
}

func openKey(t *testing.T, s *Secrets, st *store.Store, id, want string) {
	t.Helper()
	var k *store.Key
	if err := st.Read(context.Background(), func(tx *store.Tx) (err error) { k, err = tx.Key(id); return err }); err != nil {
		t.Fatal(err)
	}
	if got, err := s.OpenKey(id, k.Secret); err != nil || string(got) != want {
		t.Fatalf("%q %v", got, err)
	}
}

func FuzzSecretRef(f *testing.F) {
	f.Add("secret://db#1")
	f.Fuzz(func(t *testing.T, text string) {
		ref, ok := ebb.ParseSecretRef(text)
		if ok != strings.HasPrefix(text, ebb.SecretScheme) || ref.Name != "" && !ebb.ValidSecretName(ref.Name) || ref.Version < 0 {
			t.Errorf("%q: %+v %v", text, ref, ok)
		}
	})
}
