package auth

import (
	"bytes"
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

const payments = ebb.ServiceID("123456789012")

// node is one process's Auth with a clock that the test moves; nodes may share a
// database.
type node struct {
	*Auth
	clock atomic.Int64 // since testNow
}

func (n *node) pass(d time.Duration) { n.clock.Add(int64(d)) }

func openStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "ebb.db"), Twice: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Tx(t.Context(), func(tx *store.Tx) error {
		return tx.InsertService(&ebb.Service{ID: payments, Name: "payments", CreatedAt: testNow, LastModified: testNow})
	}); err != nil {
		t.Fatal(err)
	}
	return s
}

// newNode seals with a seal that says which key it is of, and hides nothing.
func newNode(s *store.Store) *node {
	n := &node{}
	n.Auth = New(Config{
		Store: s, Now: func() time.Time { return testNow.Add(time.Duration(n.clock.Load())) },
		Seal: func(_ *store.Tx, id string, value []byte) (ebb.Sealed, error) {
			return ebb.Sealed{MasterID: "0123456789abcdef", Blob: append([]byte(id+"|"), value...)}, nil
		},
		Open: func(id string, sealed ebb.Sealed) ([]byte, error) {
			value, ok := bytes.CutPrefix(sealed.Blob, []byte(id+"|"))
			if !ok {
				return nil, invalidToken()
			}
			return value, nil
		},
	}, testRoot)
	return n
}

func (n *node) signed(t testing.TB, c Credentials, session bool, header map[string]string) *http.Request {
	return signing{key: c, session: session, header: header, at: n.cfg.Now()}.signed(t)
}

func withToken(t testing.TB, token string, header map[string]string) *http.Request {
	r := signing{header: header}.fill().request(t)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// is checks who a key's holder is, by signature and by token.
func (n *node) is(t testing.TB, c Credentials, want ebb.PlatformRole, service ebb.ServiceID) Principal {
	t.Helper()
	var p Principal
	for _, r := range []*http.Request{n.signed(t, c, false, nil), withToken(t, c.Token, nil)} {
		if _, err := n.Begin(r); err != nil {
			t.Fatal(err)
		}
		var err error
		if p, err = n.Authenticate(r, nil); err != nil {
			t.Fatal(err)
		}
		if p.Kind != Key || p.Role != string(want) || p.Service != service || p.AccessKey != c.AccessKeyID {
			t.Fatalf("principal %+v", p)
		}
	}
	return p
}

func (n *node) refuses(t testing.TB, c Credentials, typ string) {
	t.Helper()
	for _, r := range []*http.Request{n.signed(t, c, false, nil), withToken(t, c.Token, nil)} {
		if _, err := n.Begin(r); ebb.TypeOf(err) != typ {
			t.Fatalf("precheck: %v, want %s", err, typ)
		}
		if _, err := n.Authenticate(r, nil); ebb.TypeOf(err) != typ {
			t.Fatalf("got %v, want %s", err, typ)
		}
	}
}

func (n *node) create(t testing.TB, k NewKey) (*ebb.AccessKey, Credentials) {
	t.Helper()
	made, c, err := n.CreateKey(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return made, c
}

func TestKeyProvesItsHolder(t *testing.T) {
	n := newNode(openStore(t))
	made, c := n.create(t, NewKey{Service: payments, Name: "ci", Role: ebb.RoleDeveloper})
	if made.ID != c.AccessKeyID || !made.Enabled || strings.Contains(c.String(), c.SecretAccessKey) {
		t.Fatalf("%+v", made)
	}
	p := n.is(t, c, ebb.RoleDeveloper, payments)
	if p.ARN != "arn:aws:iam::123456789012:user/ci" || p.Node {
		t.Fatalf("%+v", p)
	}
	wrong := c
	wrong.SecretAccessKey += "x"
	if _, err := n.Authenticate(n.signed(t, wrong, false, nil), nil); ebb.TypeOf(err) != ebb.TypeInvalidSignature {
		t.Error(err)
	}
	wrong = c
	wrong.Token += "x"
	if _, err := n.Authenticate(withToken(t, wrong.Token, nil), nil); ebb.TypeOf(err) != ebb.TypeUnrecognizedClient {
		t.Error(err)
	}
	// Presigned, and root still as well.
	if _, err := n.Authenticate(signing{key: c, method: "GET", url: "http://h/"}.presigned(t, "60"), nil); err != nil {
		t.Error(err)
	}
	if p, err := n.Authenticate(signing{}.signed(t), nil); err != nil || p.Kind != Root {
		t.Error(p, err)
	}
}

func TestKeyDisabledExpiredDeleted(t *testing.T) {
	s := openStore(t)
	n, other := newNode(s), newNode(s)
	_, c := n.create(t, NewKey{Service: payments, Name: "ci", Role: ebb.RoleInvoker})
	n.is(t, c, ebb.RoleInvoker, payments)
	other.is(t, c, ebb.RoleInvoker, payments)
	change := func(ch ChangeKey) {
		t.Helper()
		if _, err := n.UpdateKey(t.Context(), payments, c.AccessKeyID, ch); err != nil {
			t.Fatal(err)
		}
	}
	change(ChangeKey{Enabled: new(false)})
	n.refuses(t, c, ebb.TypeUnrecognizedClient) // here at once
	other.pass(expiry)
	other.refuses(t, c, ebb.TypeUnrecognizedClient) // elsewhere within a second
	change(ChangeKey{Enabled: new(true), Role: new(ebb.RoleAuditor)})
	n.is(t, c, ebb.RoleAuditor, payments)
	other.pass(expiry)
	other.is(t, c, ebb.RoleAuditor, payments)

	change(ChangeKey{ExpiresAt: new(n.cfg.Now().Add(time.Minute))})
	n.is(t, c, ebb.RoleAuditor, payments)
	n.pass(time.Minute)
	n.refuses(t, c, ebb.TypeExpiredToken)
	change(ChangeKey{ExpiresAt: new(time.Time{})})
	n.is(t, c, ebb.RoleAuditor, payments)

	// Another service cannot touch it, nor learn that it is there.
	for _, service := range []ebb.ServiceID{ebb.DefaultService, ""} {
		if err := n.DeleteKey(t.Context(), service, c.AccessKeyID); ebb.KindOf(err) != ebb.NotFound {
			t.Errorf("deleted from %q: %v", service, err)
		}
		if _, err := n.UpdateKey(t.Context(), service, c.AccessKeyID, ChangeKey{Enabled: new(false)}); ebb.KindOf(err) != ebb.NotFound {
			t.Errorf("changed from %q: %v", service, err)
		}
		if _, err := n.GetKey(t.Context(), service, c.AccessKeyID); ebb.KindOf(err) != ebb.NotFound {
			t.Errorf("read from %q: %v", service, err)
		}
		if _, _, err := n.RotateKey(t.Context(), service, c.AccessKeyID, 0); ebb.KindOf(err) != ebb.NotFound {
			t.Errorf("rotated from %q: %v", service, err)
		}
	}
	if err := n.DeleteKey(t.Context(), payments, c.AccessKeyID); err != nil {
		t.Fatal(err)
	}
	n.refuses(t, c, ebb.TypeUnrecognizedClient)
}

func TestRotateKeyWithOverlap(t *testing.T) {
	n := newNode(openStore(t))
	_, old := n.create(t, NewKey{Service: payments, Name: "ci", Role: ebb.RoleDeveloper})
	made, fresh, err := n.RotateKey(t.Context(), payments, old.AccessKeyID, time.Hour)
	if err != nil || made.Name != "ci" || made.Role != ebb.RoleDeveloper || fresh.SecretAccessKey == old.SecretAccessKey {
		t.Fatal(made, err)
	}
	n.is(t, old, ebb.RoleDeveloper, payments)
	n.is(t, fresh, ebb.RoleDeveloper, payments)
	if k, err := n.GetKey(t.Context(), payments, old.AccessKeyID); err != nil || k.ReplacedBy != made.ID {
		t.Errorf("%+v %v", k, err)
	}
	if _, _, err := n.RotateKey(t.Context(), payments, old.AccessKeyID, 0); ebb.KindOf(err) != ebb.Conflict {
		t.Errorf("rotated twice: %v", err)
	}
	n.pass(time.Hour)
	n.refuses(t, old, ebb.TypeExpiredToken)
	n.is(t, fresh, ebb.RoleDeveloper, payments)
	// Without overlap the old one ends at once.
	if _, _, err := n.RotateKey(t.Context(), payments, fresh.AccessKeyID, 0); err != nil {
		t.Fatal(err)
	}
	n.refuses(t, fresh, ebb.TypeExpiredToken)
}

func TestKeyRefusesNonsense(t *testing.T) {
	n := newNode(openStore(t))
	for want, k := range map[string]NewKey{
		"name":      {Service: payments, Name: "a b", Role: ebb.RoleAdmin},
		"role":      {Service: payments, Name: "a", Role: "king"},
		"expiresAt": {Service: payments, Name: "a", Role: ebb.RoleAdmin, ExpiresAt: testNow},
	} {
		if _, _, err := n.CreateKey(t.Context(), k); ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, _, err := n.CreateKey(t.Context(), NewKey{Service: "999999999999", Name: "a", Role: ebb.RoleAdmin}); ebb.KindOf(err) != ebb.NotFound {
		t.Error(err)
	}
	_, c := n.create(t, NewKey{Service: payments, Name: "a", Role: ebb.RoleAdmin})
	if _, _, err := n.RotateKey(t.Context(), payments, c.AccessKeyID, -1); ebb.KindOf(err) != ebb.Invalid {
		t.Error(err)
	}
}

// Who acts for the whole node says for which service; nobody else may.
func TestServiceHeader(t *testing.T) {
	n := newNode(openStore(t))
	_, own := n.create(t, NewKey{Service: payments, Name: "ci", Role: ebb.RoleAdmin})
	_, all := n.create(t, NewKey{Name: "ops", Role: ebb.RoleAdmin})
	for _, c := range []struct {
		key     Credentials
		service string
		want    ebb.ServiceID
		typ     string
	}{
		{testRoot, "payments", payments, ""},
		{testRoot, string(payments), payments, ""},
		{testRoot, "", ebb.DefaultService, ""},
		{testRoot, "none", "", ebb.TypeResourceNotFound},
		{testRoot, "999999999999", "", ebb.TypeResourceNotFound},
		{all, "payments", payments, ""},
		{all, "", ebb.DefaultService, ""},
		{own, "payments", payments, ""},
		{own, string(payments), payments, ""},
		{own, "default", "", ebb.TypeAccessDenied},
		{own, string(ebb.DefaultService), "", ebb.TypeAccessDenied},
		{own, "none", "", ebb.TypeAccessDenied}, // as if it were there
	} {
		header := map[string]string{}
		if c.service != "" {
			header[ServiceHeader] = c.service
		}
		for _, r := range []*http.Request{n.signed(t, c.key, false, header), withToken(t, c.key.Token, header)} {
			p, err := n.Authenticate(r, nil)
			if ebb.TypeOf(err) != c.typ || c.typ == "" && (err != nil || p.Service != c.want) {
				t.Errorf("%s for %q: %+v %v", c.key.AccessKeyID, c.service, p, err)
			}
		}
	}
	// The header is under the signature.
	r := n.signed(t, testRoot, false, nil)
	r.Header.Set(ServiceHeader, "payments")
	_, err := n.Authenticate(r, nil)
	wantType(t, err, ebb.TypeInvalidSignature, "not signed")
	// A function is of its own service only.
	b := n.NewBox(testRole, payments)
	if _, err := b.Authenticate(n.signed(t, b.Credentials(), true, map[string]string{ServiceHeader: "default"}), nil); ebb.TypeOf(err) != ebb.TypeAccessDenied {
		t.Error(err)
	}
}

func TestLastUsed(t *testing.T) {
	s := openStore(t)
	n := newNode(s)
	_, c := n.create(t, NewKey{Service: payments, Name: "ci", Role: ebb.RoleAdmin})
	used := func() time.Time {
		t.Helper()
		n.writeUses(t.Context())
		k, err := n.GetKey(t.Context(), payments, c.AccessKeyID)
		if err != nil {
			t.Fatal(err)
		}
		return k.LastUsedAt
	}
	if at := used(); !at.IsZero() {
		t.Errorf("a new key was used at %v", at)
	}
	wrong := c
	wrong.SecretAccessKey += "x"
	_, begun := n.Begin(n.signed(t, c, false, nil))
	if _, err := n.Authenticate(n.signed(t, wrong, false, nil), nil); err == nil || begun != nil || !used().IsZero() {
		t.Errorf("a use that proved nothing is noted (%v)", err)
	}
	n.is(t, c, ebb.RoleAdmin, payments)
	if at := used(); !at.Equal(testNow.Truncate(time.Minute)) {
		t.Errorf("used at %v", at)
	}
	commits := s.Stats().Commits
	for range 5 {
		n.is(t, c, ebb.RoleAdmin, payments)
		used()
	}
	if got := s.Stats().Commits - commits; got != 0 {
		t.Errorf("%d writes within one minute", got)
	}
	// What was not written at the end of the process is written then.
	n.pass(3 * time.Minute)
	n.is(t, c, ebb.RoleAdmin, payments)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if k, err := n.GetKey(t.Context(), payments, c.AccessKeyID); err != nil || !k.LastUsedAt.Equal(testNow.Add(3*time.Minute).Truncate(time.Minute)) {
		t.Errorf("%+v %v", k, err)
	}
}

// While nothing changes, a key costs two reads of the database a second at most.
func TestKeysAreRemembered(t *testing.T) {
	n := newNode(openStore(t))
	_, c := n.create(t, NewKey{Service: payments, Name: "ci", Role: ebb.RoleAdmin})
	reads := 0
	load := n.byID.load
	n.byID.load = func(ctx context.Context, id string, old *holder) (*holder, error) { reads++; return load(ctx, id, old) }
	for range 100 {
		if _, err := n.Authenticate(n.signed(t, c, false, nil), nil); err != nil {
			t.Fatal(err)
		}
		n.pass(100 * time.Millisecond)
	}
	if reads > 20 {
		t.Errorf("%d reads in ten seconds", reads)
	}
	n.Forget()
	if _, err := n.Authenticate(n.signed(t, c, false, nil), nil); err != nil {
		t.Fatal(err)
	}
}

// What was read before a change is not remembered after it.
func TestFreshForgetsWhatWasBeingRead(t *testing.T) {
	f := fresh[string, int]{now: clock}
	n := 0
	f.load = func(context.Context, string, int) (int, error) {
		n++
		if n == 1 {
			f.forget() // the change comes while the old row is being read
		}
		return n, nil
	}
	for want := 1; want <= 2; want++ {
		if got, err := f.get(t.Context(), "k"); err != nil || got != want {
			t.Fatalf("got %d (%v), want %d", got, err, want)
		}
	}
}

func TestRolesOfFunctions(t *testing.T) {
	s := openStore(t)
	n := newNode(s)
	b := n.NewBox("arn:aws:iam::123456789012:role/worker", payments)
	own := "arn:aws:lambda:us-east-1:123456789012:function:hello"
	who := func() Principal {
		t.Helper()
		p, err := b.Authenticate(n.signed(t, b.Credentials(), true, nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if n.Authorize(who(), "lambda:InvokeFunction", own) != nil || n.Authorize(who(), "lambda:PublishVersion", own) == nil {
		t.Error("an undefined role has another set than the default one")
	}
	if err := s.Tx(t.Context(), func(tx *store.Tx) error {
		return tx.PutRole(&ebb.Role{Service: payments, Name: "worker", Policy: ebb.Policy{Statement: []ebb.Statement{
			{Effect: ebb.Allow, Action: ebb.Patterns{"lambda:PublishVersion"}, Resource: ebb.Patterns{"*"}}}}})
	}); err != nil {
		t.Fatal(err)
	}
	n.pass(expiry)
	if n.Authorize(who(), "lambda:InvokeFunction", own) == nil || n.Authorize(who(), "lambda:PublishVersion", own) != nil {
		t.Error("the role's policy is not in force")
	}

	// A session of the role acts like the function.
	_, key := n.create(t, NewKey{Service: payments, Name: "dev", Role: ebb.RoleDeveloper})
	p := n.is(t, key, ebb.RoleDeveloper, payments)
	arn := ebb.RoleARN(payments, "worker")
	session, c, until, err := n.AssumeRole(t.Context(), p, arn, "job-1", time.Hour)
	if err != nil || session.ARN != "arn:aws:sts::123456789012:assumed-role/worker/job-1" || !until.Equal(n.cfg.Now().Add(time.Hour).Truncate(time.Second)) {
		t.Fatal(session, until, err)
	}
	if p, err = n.Authenticate(n.signed(t, c, true, nil), nil); err != nil || p.ARN != session.ARN {
		t.Fatal(p, err)
	}
	if n.Authorize(p, "lambda:InvokeFunction", own) == nil || n.Authorize(p, "lambda:PublishVersion", own) != nil {
		t.Error("a session's permissions are not its role's")
	}
	stolen := c
	stolen.AccessKeyID = "ASIA" + strings.Repeat("A", 16)
	for _, bad := range []Credentials{stolen, {AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, Token: c.Token + "x"},
		{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, Token: "short"}} {
		if _, err := n.Authenticate(n.signed(t, bad, true, nil), nil); ebb.TypeOf(err) != ebb.TypeUnrecognizedClient && ebb.TypeOf(err) != ebb.TypeInvalidSignature {
			t.Errorf("%v: %v", bad, err)
		}
	}
	n.pass(time.Hour)
	if _, err := n.Authenticate(n.signed(t, c, true, nil), nil); ebb.TypeOf(err) != ebb.TypeExpiredToken {
		t.Error(err)
	}
	for _, bad := range []struct {
		arn, name string
		lasts     time.Duration
	}{
		{ebb.RoleARN(payments, "none"), "job", time.Hour}, {ebb.RoleARN(ebb.DefaultService, "worker"), "job", time.Hour},
		{arn, "a b", time.Hour}, {arn, "job", time.Minute}, {arn, "job", 13 * time.Hour},
	} {
		if _, _, _, err := n.AssumeRole(t.Context(), p, bad.arn, bad.name, bad.lasts); err == nil {
			t.Errorf("%v was given", bad)
		}
	}
}

func BenchmarkAuthenticateKey(b *testing.B) {
	n := newNode(openStore(b))
	_, c := n.create(b, NewKey{Service: payments, Name: "ci", Role: ebb.RoleInvoker})
	r := n.signed(b, c, false, nil)
	for b.Loop() {
		if _, err := n.Authenticate(r, nil); err != nil {
			b.Fatal(err)
		}
	}
}
