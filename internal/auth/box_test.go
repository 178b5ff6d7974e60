package auth

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const testRole = "arn:aws:iam::000000000000:role/app/worker"

func TestBox(t *testing.T) {
	b, other := testAuth().NewBox(testRole, ebb.DefaultService), testAuth().NewBox(testRole, ebb.DefaultService)
	c := b.Credentials()
	if !strings.HasPrefix(c.AccessKeyID, "ASIA") || len(c.AccessKeyID) != 20 || len(c.SecretAccessKey) != 40 {
		t.Fatalf("credentials %s", c.AccessKeyID)
	}
	s := signing{key: c, session: true, body: "x"}
	p, err := b.Authenticate(s.signed(t), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if p.policy == nil {
		t.Fatal("a function without a permission set")
	}
	p.policy = nil
	want := Principal{Kind: Role, Service: ebb.DefaultService, Role: "worker",
		ARN: "arn:aws:sts::000000000000:assumed-role/worker/function", AccessKey: c.AccessKeyID}
	if p != want {
		t.Fatalf("principal %+v", p)
	}
	if _, err := b.Authenticate(signing{key: c, session: true, method: "GET", url: "http://h/"}.presigned(t, "60"), nil); err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		by  Authenticator
		r   *http.Request
		typ string
	}{
		"another box":     {other, s.signed(t), ebb.TypeUnrecognizedClient},
		"the node":        {testAuth(), s.signed(t), ebb.TypeUnrecognizedClient},
		"root in a box":   {b, signing{}.signed(t), ebb.TypeUnrecognizedClient},
		"no token":        {b, signing{key: c}.signed(t), ebb.TypeUnrecognizedClient},
		"other token":     {b, signing{key: Credentials{c.AccessKeyID, c.SecretAccessKey, "x"}, session: true}.signed(t), ebb.TypeUnrecognizedClient},
		"bearer in a box": {b, bearerRequest(t, b.Credentials().Token), ebb.TypeIncompleteSignature},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.by.Authenticate(c.r, []byte("x"))
			wantType(t, err, c.typ, "")
		})
	}
}

func bearerRequest(t *testing.T, token string) *http.Request {
	r := signing{}.signed(t)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func TestBoxTokenMustNotBeSwapped(t *testing.T) {
	b := testAuth().NewBox("", ebb.DefaultService)
	r := signing{key: b.Credentials(), session: true}.signed(t)
	r.Header.Add(securityToken, "second")
	_, err := b.Authenticate(r, nil)
	wantType(t, err, ebb.TypeInvalidSignature, "does not match")
	if !strings.Contains(b.v.principal.ARN, "assumed-role/none/") {
		t.Fatal(b.v.principal.ARN)
	}
}

func BenchmarkNewBox(b *testing.B) {
	a := testAuth()
	b.ReportAllocs()
	for b.Loop() {
		a.NewBox(testRole, ebb.DefaultService)
	}
}
