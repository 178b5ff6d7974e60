package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/pool"
)

const payments = "123456789012"

// as makes a request with a token, a body and perhaps for a service.
func (r *rig) as(t *testing.T, token, method, path, service, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if service != "" {
		req.Header.Set(auth.ServiceHeader, service)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, text := r.do(t, req)
	return resp.StatusCode, text
}

// root is as with the root token, and must succeed with that status.
func (r *rig) root(t *testing.T, status int, method, path, service, body string, into any) {
	t.Helper()
	code, text := r.as(t, testRoot.Token, method, path, service, body)
	if code != status {
		t.Fatalf("%s %s: %d %s", method, path, code, text)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
}

// newService makes a service with an access key of that role.
func (r *rig) newService(t *testing.T, id, name, role string) NewKey {
	t.Helper()
	r.root(t, 201, "POST", "/v1/services", "", `{"id":"`+id+`","name":"`+name+`"}`, nil)
	var k NewKey
	r.root(t, 201, "POST", "/v1/keys", name, `{"name":"ci","role":"`+role+`"}`, &k)
	return k
}

func TestServices(t *testing.T) {
	r := newRig(t)
	var s Service
	r.root(t, 201, "POST", "/v1/services", "", `{"name":"payments","env":{"STAGE":"test"},"egress":"10.0.0.0/8:5432","quota":{"concurrency":5}}`, &s)
	if !ebb.ServiceID(s.ID).Valid() || s.Env["STAGE"] != "test" || s.Egress != "tcp/10.0.0.0/8:5432" || s.Quota.Concurrency != 5 {
		t.Fatalf("%+v", s)
	}
	r.root(t, 200, "PATCH", "/v1/services/payments", "", `{"egress":"any","logRetentionDays":3}`, &s)
	if s.Egress != "any" || s.LogRetentionDays != 3 || s.Quota.Concurrency != 5 || s.Env["STAGE"] != "test" {
		t.Errorf("%+v", s)
	}
	var all Services
	r.root(t, 200, "GET", "/v1/services", "", "", &all)
	if len(all.Services) != 2 || all.Services[0].Name != "default" {
		t.Errorf("%+v", all)
	}
	for body, part := range map[string]string{
		`{"name":"payments"}`:                         "already",
		`{"name":"Pay"}`:                              "name",
		`{"name":"a","egress":"nonsense"}`:            "egress",
		`{"name":"a","env":{"VV":"secret://none"}}`:   "Environment.Variables.VV",
		`{"name":"a","quota":{"concurrency":"lots"}}`: "concurrency",
		`{"name":"a","unknown":1}`:                    "unknown",
	} {
		if code, text := r.as(t, testRoot.Token, "POST", "/v1/services", "", body); code < 400 || code > 422 || !strings.Contains(text, part) {
			t.Errorf("%s: %d %s", body, code, text)
		}
	}
	r.root(t, 204, "DELETE", "/v1/services/"+s.ID, "", "", nil)
	if code, _ := r.as(t, testRoot.Token, "DELETE", "/v1/services/default", "", ""); code != 409 {
		t.Errorf("the default service: %d", code)
	}
}

// A key of one service sees nothing of another, by whatever way it asks.
func TestNothingCrossesServices(t *testing.T) {
	r := newRig(t)
	a := r.newService(t, payments, "payments", "admin")
	r.newService(t, "999999999999", "other", "admin")
	r.root(t, 200, "PUT", "/v1/secrets/db", "other", `{"value":"x"}`, nil)
	r.root(t, 200, "PUT", "/v1/roles/worker", "other", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`, nil)
	for _, c := range []struct {
		method, path, service string
		status                int
	}{
		{"GET", "/v1/services/payments", "", 200},
		{"GET", "/v1/services/-", "", 200},
		{"GET", "/v1/services/other", "", 403},
		{"GET", "/v1/services/999999999999", "", 403},
		{"GET", "/v1/services/none", "", 403}, // as if it were there
		{"GET", "/v1/secrets/db", "", 404},
		{"GET", "/v1/secrets/db", "other", 403},
		{"POST", "/v1/secrets/db/reveal", "other", 403},
		{"GET", "/v1/roles/worker", "", 404},
		{"GET", "/v1/roles/worker", "999999999999", 403},
		{"GET", "/v1/keys?node=true", "", 403},
		{"GET", "/v1/keys", "other", 403},
		{"GET", "/v1/functions/hello/logs", "", 404},
		{"GET", "/v1/functions/000000000000:function:hello/logs", "", 403},
		{"GET", "/v1/functions/hello/logs", "default", 403},
		{"GET", "/v1/instances?function=000000000000:function:hello", "", 403},
		{"POST", "/v1/services", "", 403},
		{"PATCH", "/v1/services/payments", "", 403},
		{"DELETE", "/v1/services/payments", "", 403},
		{"POST", "/v1/backup", "", 403},
		{"POST", "/v1/master-key/rotate", "", 403},
	} {
		code, text := r.as(t, a.Token, c.method, c.path, c.service, "")
		if code != c.status || code == 403 && !strings.Contains(text, ebb.TypeAccessDenied) {
			t.Errorf("%s %s for %q: %d %s", c.method, c.path, c.service, code, text)
		}
	}
	for path, want := range map[string]string{"/v1/services": "payments", "/v1/keys": a.ID, "/v1/secrets": `"secrets":[]`, "/v1/roles": `"roles":[]`} {
		if code, text := r.as(t, a.Token, "GET", path, "", ""); code != 200 || !strings.Contains(text, want) || strings.Contains(text, "other") {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
}

// How busy the node is, is told to those who act for all of it.
func TestNodeOfAService(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Counts = func() pool.Counts { return pool.Counts{Instances: 7, Waiting: 3} } })
	a := r.newService(t, payments, "payments", "developer")
	for _, path := range []string{"/v1/node", "/v1/instances"} {
		if code, text := r.as(t, a.Token, "GET", path, "", ""); code != 200 || !strings.Contains(text, `"total":0`) || strings.Contains(text, `"waiting":3`) {
			t.Errorf("%s: %d %s", path, code, text)
		}
		if code, text := r.as(t, testRoot.Token, "GET", path, "", ""); code != 200 || !strings.Contains(text, `"total":7`) {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
}

func TestKeys(t *testing.T) {
	r := newRig(t)
	a := r.newService(t, payments, "payments", "admin")
	if a.Service != payments || a.Node || a.SecretAccessKey == "" || a.Token == "" {
		t.Fatalf("%+v", a.Key)
	}
	var dev NewKey
	code, text := r.as(t, a.Token, "POST", "/v1/keys", "", `{"name":"dev","role":"developer"}`)
	if err := json.Unmarshal([]byte(text), &dev); err != nil || code != 201 {
		t.Fatal(code, text)
	}
	if code, _ := r.as(t, dev.Token, "GET", "/v1/keys", "", ""); code != 403 {
		t.Errorf("a developer lists keys: %d", code)
	}
	code, text = r.as(t, a.Token, "GET", "/v1/keys/"+dev.ID, "", "")
	if code != 200 || strings.Contains(text, dev.SecretAccessKey) || strings.Contains(text, dev.Token) {
		t.Errorf("%d %s", code, text)
	}
	var fresh NewKey
	code, text = r.as(t, a.Token, "POST", "/v1/keys/"+dev.ID+"/rotate", "", `{"overlapSeconds":3600}`)
	if err := json.Unmarshal([]byte(text), &fresh); err != nil || code != 201 || fresh.ID == dev.ID {
		t.Fatal(code, text)
	}
	for _, k := range []NewKey{dev, fresh} {
		if code, _ := r.as(t, k.Token, "GET", "/v1/secrets", "", ""); code != 200 {
			t.Errorf("during the overlap: %d", code)
		}
	}
	if code, text = r.as(t, a.Token, "PATCH", "/v1/keys/"+dev.ID, "", `{"enabled":false}`); code != 200 || !strings.Contains(text, `"replacedBy":"`+fresh.ID) {
		t.Errorf("%d %s", code, text)
	}
	if code, text = r.as(t, dev.Token, "GET", "/v1/secrets", "", ""); code != 403 || !strings.Contains(text, ebb.TypeUnrecognizedClient) {
		t.Errorf("disabled: %d %s", code, text)
	}
	if code, _ = r.as(t, a.Token, "DELETE", "/v1/keys/"+fresh.ID, "", ""); code != 204 {
		t.Errorf("deleted: %d", code)
	}
	if code, _ = r.as(t, fresh.Token, "GET", "/v1/secrets", "", ""); code != 403 {
		t.Errorf("after deletion: %d", code)
	}
	// A key of the node acts for any service, within its role.
	var ops NewKey
	r.root(t, 201, "POST", "/v1/keys?node=true", "", `{"name":"ops","role":"auditor"}`, &ops)
	if code, text = r.as(t, ops.Token, "GET", "/v1/services", "", ""); code != 200 || !strings.Contains(text, "payments") {
		t.Errorf("%d %s", code, text)
	}
	if code, _ = r.as(t, ops.Token, "GET", "/v1/secrets", "payments", ""); code != 200 {
		t.Errorf("%d", code)
	}
	if code, _ = r.as(t, ops.Token, "PUT", "/v1/secrets/x", "payments", `{"value":"x"}`); code != 403 {
		t.Errorf("an auditor writes: %d", code)
	}
	for _, s := range []string{a.SecretAccessKey, a.Token, fresh.SecretAccessKey} {
		if strings.Contains(r.said.String(), s) {
			t.Error("the log tells a secret")
		}
	}
	if !strings.Contains(r.said.String(), "access key created") || !strings.Contains(r.said.String(), "by=arn:aws:iam::123456789012:user/ci") {
		t.Errorf("the log says %s", r.said.String())
	}
}

func TestRoles(t *testing.T) {
	r := newRig(t)
	var role Role
	r.root(t, 200, "PUT", "/v1/roles/worker", "", `{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Action":"lambda:*","Resource":["*"]}]}`, &role)
	if role.ARN != "arn:aws:iam::000000000000:role/worker" || role.Policy.Statement[0].Action[0] != "lambda:*" || role.Policy.Statement[0].Sid != "a" {
		t.Errorf("%+v", role)
	}
	for body, part := range map[string]string{
		`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}]}`: "Condition",
		`{"Statement":[{"Effect":"Allow","NotAction":"*","Resource":"*"}]}`:             "NotAction",
		`{"Statement":[]}`: "Statement",
		`nonsense`:         "policy",
	} {
		if code, text := r.as(t, testRoot.Token, "PUT", "/v1/roles/worker", "", body); code != 422 || !strings.Contains(text, part) {
			t.Errorf("%s: %d %s", body, code, text)
		}
	}
	r.root(t, 204, "DELETE", "/v1/roles/worker", "", "", nil)
}

func TestSecrets(t *testing.T) {
	r := newRig(t)
	const value = "correct-horse-battery-staple"
	var s Secret
	r.root(t, 200, "PUT", "/v1/secrets/db", "", `{"value":"`+value+`","description":"of the bank"}`, &s)
	if s.Reference != "secret://db" || s.Current != 1 || s.Versions[0].Size != len(value) {
		t.Errorf("%+v", s)
	}
	for _, path := range []string{"/v1/secrets", "/v1/secrets/db"} {
		if _, text := r.as(t, testRoot.Token, "GET", path, "", ""); strings.Contains(text, value) {
			t.Errorf("%s tells the value", path)
		}
	}
	r.root(t, 200, "PUT", "/v1/secrets/db", "", `{"valueBase64":"/wA="}`, &s)
	if s.Current != 2 || !s.Versions[0].Binary || s.Description != "of the bank" {
		t.Errorf("%+v", s)
	}
	var shown RevealedSecret
	r.root(t, 200, "POST", "/v1/secrets/db/reveal?version=1", "", "", &shown)
	if shown.Value == nil || *shown.Value != value || shown.Version != 1 {
		t.Errorf("%+v", shown)
	}
	r.root(t, 200, "POST", "/v1/secrets/db/reveal", "", "", &shown)
	if shown.ValueBase64 == nil || *shown.ValueBase64 != "/wA=" {
		t.Errorf("%+v", shown)
	}
	r.root(t, 200, "POST", "/v1/secrets/db/rotate", "", `{}`, &s)
	if s.Current != 3 || s.Versions[0].Size != rotatedLength {
		t.Errorf("%+v", s)
	}
	for body, part := range map[string]string{
		`{}`: "value", `{"value":["` + value + `"]}`: "value", `{"value":"a","valueBase64":"YQ=="}`: "value", `{"valueBase64":"!` + value + `"}`: "valueBase64",
		`{"value":"` + strings.Repeat("x", 64<<10+1) + `"}`: "65536",
	} {
		code, text := r.as(t, testRoot.Token, "PUT", "/v1/secrets/db", "", body)
		if code != 422 || !strings.Contains(text, part) || strings.Contains(text, value) {
			t.Errorf("%.40s: %d %s", body, code, text)
		}
	}
	var key MasterKey
	r.root(t, 200, "POST", "/v1/master-key/rotate", "", "", &key)
	r.root(t, 200, "POST", "/v1/secrets/db/reveal?version=1", "", "", &shown)
	r.root(t, 204, "DELETE", "/v1/secrets/db", "", "", nil)
	said := r.said.String()
	if strings.Contains(said, value) || strings.Count(said, "secret revealed") != 3 || !strings.Contains(said, "master key rotated") {
		t.Errorf("the log says %s", said)
	}
}
