package stsapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/secret"
	"github.com/ebb-faas/ebb/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var root = auth.Credentials{AccessKeyID: "AKIATESTTESTTESTTEST", SecretAccessKey: "0123456789abcdef0123", Token: "ebb_0123456789abcdef"}

const payments = ebb.ServiceID("123456789012")

// rig is the API for the node's callers and for those of one box.
type rig struct {
	auth      *auth.Auth
	box       *auth.Box
	node, own *httptest.Server
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "ebb.db"), Twice: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	secrets, err := secret.Open(t.Context(), secret.Config{Dir: dir}, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Tx(t.Context(), func(tx *store.Tx) error {
		if err := tx.InsertService(&ebb.Service{ID: payments, Name: "payments"}); err != nil {
			return err
		}
		return tx.PutRole(&ebb.Role{Service: payments, Name: "worker", Policy: ebb.Policy{Statement: []ebb.Statement{
			{Effect: ebb.Allow, Action: ebb.Patterns{"lambda:*"}, Resource: ebb.Patterns{"*"}}}}})
	}); err != nil {
		t.Fatal(err)
	}
	r := &rig{auth: auth.New(auth.Config{Store: s, Seal: secrets.SealKey, Open: secrets.OpenKey}, root)}
	r.box = r.auth.NewBox("arn:aws:iam::123456789012:role/worker", payments)
	a := New(r.auth, slog.New(slog.DiscardHandler))
	serve := func(by auth.Authenticator) *httptest.Server {
		h := a.Endpoint(by)
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if !Is(req) {
				http.NotFound(w, req)
				return
			}
			h.ServeHTTP(w, req)
		}))
		t.Cleanup(srv.Close)
		return srv
	}
	r.node, r.own = serve(r.auth), serve(r.box)
	return r
}

func client(url string, c auth.Credentials, session bool) *sts.Client {
	token := ""
	if session {
		token = c.Token
	}
	return sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: &url, RetryMaxAttempts: 1,
		HTTPClient:  &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, token)})
}

func who(t *testing.T, c *sts.Client) (arn, id, account string) {
	t.Helper()
	out, err := c.GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.Arn), aws.ToString(out.UserId), aws.ToString(out.Account)
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestGetCallerIdentity(t *testing.T) {
	r := newRig(t)
	k, keys, err := r.auth.CreateKey(t.Context(), auth.NewKey{Service: payments, Name: "ci", Role: ebb.RoleInvoker})
	if err != nil {
		t.Fatal(err)
	}
	if arn, id, account := who(t, client(r.node.URL, root, false)); arn != "arn:aws:iam::000000000000:root" || id != root.AccessKeyID || account != "000000000000" {
		t.Error(arn, id, account)
	}
	if arn, id, account := who(t, client(r.node.URL, keys, false)); arn != "arn:aws:iam::123456789012:user/ci" || id != k.ID || account != string(payments) {
		t.Error(arn, id, account)
	}
	if arn, id, account := who(t, client(r.own.URL, r.box.Credentials(), true)); arn != "arn:aws:sts::123456789012:assumed-role/worker/function" || id != "worker:function" || account != string(payments) {
		t.Error(arn, id, account)
	}
	wrong := keys
	wrong.SecretAccessKey += "x"
	_, err = client(r.node.URL, wrong, false).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	wantCode(t, err, "SignatureDoesNotMatch")
	wrong.AccessKeyID = "AKIANOBODYNOBODYNOBO"
	_, err = client(r.node.URL, wrong, false).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	wantCode(t, err, "InvalidClientTokenId")
}

func TestAssumeRole(t *testing.T) {
	r := newRig(t)
	_, dev, err := r.auth.CreateKey(t.Context(), auth.NewKey{Service: payments, Name: "dev", Role: ebb.RoleDeveloper})
	if err != nil {
		t.Fatal(err)
	}
	in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/worker"), RoleSessionName: aws.String("job"), DurationSeconds: aws.Int32(900)}
	out, err := client(r.node.URL, dev, false).AssumeRole(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(*out.Credentials.Expiration); left < 14*time.Minute || left > 16*time.Minute {
		t.Errorf("expires in %v", left)
	}
	c := auth.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, Token: *out.Credentials.SessionToken}
	if arn, _, _ := who(t, client(r.node.URL, c, true)); arn != "arn:aws:sts::123456789012:assumed-role/worker/job" || arn != *out.AssumedRoleUser.Arn {
		t.Error(arn)
	}
	in.RoleArn = aws.String("arn:aws:iam::123456789012:role/none")
	_, err = client(r.node.URL, dev, false).AssumeRole(t.Context(), in)
	wantCode(t, err, "AccessDenied")
	in.RoleArn, in.ExternalId = aws.String("arn:aws:iam::123456789012:role/worker"), aws.String("xx")
	_, err = client(r.node.URL, dev, false).AssumeRole(t.Context(), in)
	wantCode(t, err, "ValidationError")
	_, auditor, err := r.auth.CreateKey(t.Context(), auth.NewKey{Service: payments, Name: "aud", Role: ebb.RoleAuditor})
	if err != nil {
		t.Fatal(err)
	}
	in.ExternalId = nil
	_, err = client(r.node.URL, auditor, false).AssumeRole(t.Context(), in)
	wantCode(t, err, "AccessDenied")
}

func TestOtherRequests(t *testing.T) {
	r := newRig(t)
	_, err := client(r.node.URL, root, false).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	wantCode(t, err, "InvalidAction")
	for want, req := range map[bool]*http.Request{
		false: httptest.NewRequest("POST", "/", strings.NewReader("{}")),
		true:  httptest.NewRequest("GET", "/?Action=GetCallerIdentity", nil),
	} {
		if Is(req) != want {
			t.Errorf("%s: not %v", req.URL, want)
		}
	}
	states := httptest.NewRequest("POST", "/", nil)
	states.Header.Set("Content-Type", formType)
	states.Header.Set("X-Amz-Target", "AWSStepFunctions.ListActivities")
	if Is(states) {
		t.Error("a request of Step Functions was taken for one of STS")
	}
}
