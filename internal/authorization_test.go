package internal_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	s3auth "github.com/versity/versitygw/auth"

	"github.com/ebb-faas/ebb/internal/api"
	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/eventsapi"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/lambdaapi"
	"github.com/ebb-faas/ebb/internal/secret"
	"github.com/ebb-faas/ebb/internal/statesapi"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/stsapi"
	"github.com/ebb-faas/ebb/runtimes"
)

var notToldApart = []string{ // actions that have no route of their own
	"lambda:InvokeFunctionUrl", "ebb:GetMetrics", "ebb:GetHealth", "events:RetrieveConnectionCredentials",
	"scheduler:CreateSchedule", "scheduler:UpdateSchedule", "scheduler:DeleteSchedule", "scheduler:GetSchedule",
	"states:RevealSecrets",
}

// doors are the APIs with a database below, and a key of every platform role.
type doors struct {
	v1, lambda, states http.Handler

	tokens map[ebb.PlatformRole]auth.Credentials
	auth   *auth.Auth
	paths  map[string]map[string]struct{ OperationID string } // of /v1
}

func openDoors(t *testing.T) *doors {
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
	root := auth.Credentials{AccessKeyID: "AKIATESTTESTTESTTEST", SecretAccessKey: "0123456789abcdef0123", Token: "ebb_0123456789abcdef"}
	a := auth.New(auth.Config{Store: s, Seal: secrets.SealKey, Open: secrets.OpenKey}, root)
	fs := function.New(function.Config{}, s, nil, &runtimes.Catalog{})
	log := slog.New(slog.DiscardHandler)
	d := &doors{auth: a, tokens: map[ebb.PlatformRole]auth.Credentials{}}
	d.v1 = api.New(api.Config{Auth: a, Functions: fs, Secrets: secrets, Log: log, Runtimes: &runtimes.Catalog{}})
	d.states = statesapi.New("us-east-1", nil, a, log)
	d.lambda = lambdaapi.New(lambdaapi.Config{}, fs, nil, a, log)
	for _, role := range ebb.PlatformRoles() {
		_, c, err := a.CreateKey(t.Context(), auth.NewKey{Service: ebb.DefaultService, Name: string(role), Role: role})
		if err != nil {
			t.Fatal(err)
		}
		d.tokens[role] = c
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/v1/openapi.json", nil)
	r.Header.Set("Authorization", "Bearer "+root.Token)
	d.v1.ServeHTTP(w, r)
	var doc struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || len(doc.Paths) < 5 {
		t.Fatal(len(doc.Paths), err)
	}
	d.paths = doc.Paths
	return d
}

var label = regexp.MustCompile(`\{[^}]*\}`)

// Every operation of every API has an entry in the table of package auth, or it
// would be root's alone; and nothing is in the table that no API has.
func TestEveryOperationIsInTheTable(t *testing.T) {
	d := openDoors(t)
	table := auth.Actions()
	var all []string
	for path, methods := range d.paths {
		for method, op := range methods {
			all = append(all, "ebb:"+op.OperationID)
			if !slices.Contains(table, "ebb:"+op.OperationID) {
				t.Errorf("%s %s: ebb:%s is not in the table: say in internal/auth/table.go who may do it", method, path, op.OperationID)
			}
		}
	}
	for _, op := range lambdaapi.Routes() {
		action := lambdaapi.Action(op.Name)
		all = append(all, action)
		if !slices.Contains(table, action) {
			t.Errorf("%s is not in the table: say in internal/auth/table.go who may do it", action)
		}
	}
	for _, op := range statesapi.Routes() {
		action := statesapi.Action(op.Name)
		all = append(all, action)
		if !slices.Contains(table, action) {
			t.Errorf("%s is not in the table: say in internal/auth/table.go who may do it", action)
		}
	}
	for _, op := range eventsapi.Routes() {
		action := eventsapi.Action(op.Name)
		all = append(all, action)
		if !slices.Contains(table, action) {
			t.Errorf("%s is not in the table: say in internal/auth/table.go who may do it", action)
		}
	}
	all = append(append(all, stsapi.Actions()...), notToldApart...)
	for _, action := range table {
		if strings.HasPrefix(action, "s3:") { // what speaks S3 asks for its own actions
			if err := s3auth.Action(action).IsValid(); err != nil && action != string(s3auth.ListAllMyBucketsAction) {
				t.Errorf("%s is in the table, and S3 has it not", action)
			}
			continue
		}
		if !slices.Contains(all, action) && action != "states:TestState" { // of the model, not offered
			t.Errorf("%s is in the table, and no API has it", action)
		}
	}
}

// A request for every route with a key of every platform role gets as far as
// the table lets it, and otherwise AWS's refusal.
func TestEveryRouteForEveryPlatformRole(t *testing.T) {
	d := openDoors(t)
	for role, c := range d.tokens {
		p, err := d.auth.Authenticate(bearer(httptest.NewRequest("GET", "/", nil), c), nil)
		if err != nil {
			t.Fatal(err)
		}
		check := func(door http.Handler, method, path, target, action string) {
			w := httptest.NewRecorder()
			r := bearer(httptest.NewRequest(strings.ToUpper(method), label.ReplaceAllString(path, "x"), strings.NewReader("{}")), c)
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("X-Amz-Target", target)
			knock(door, w, r)
			// Step Functions has 400 for it, as all APIs of its protocol.
			refused := (w.Code == http.StatusForbidden || target != "" && w.Code == http.StatusBadRequest) && w.Header().Get("X-Amzn-Errortype") == ebb.TypeAccessDenied &&
				strings.Contains(w.Body.String(), "is not authorized to perform: "+action)
			if may := d.auth.Admit(p, action) == nil; may == refused || !may && !refused {
				t.Errorf("%s %s %s (%s): may %v, got %d %s", role, method, path, action, may, w.Code, w.Body.String())
			}
		}
		for path, methods := range d.paths {
			for method, op := range methods {
				if op.OperationID != "GetHealth" && op.OperationID != "RotateMasterKey" {
					check(d.v1, method, path, "", "ebb:"+op.OperationID)
				}
			}
		}
		for _, op := range lambdaapi.Routes() {
			check(d.lambda, op.Method, op.Path, "", lambdaapi.Action(op.Name))
		}
		for _, op := range statesapi.Routes() {
			check(d.states, "POST", "/", statesapi.TargetPrefix+op.Name, statesapi.Action(op.Name))
		}
	}
}

// knock sends a request that may be let in, to handlers whose floors below are
// not there: how they fare is another test's question.
func knock(door http.Handler, w http.ResponseWriter, r *http.Request) {
	defer func() { _ = recover() }()
	door.ServeHTTP(w, r)
}

func bearer(r *http.Request, c auth.Credentials) *http.Request {
	r.Header.Set("Authorization", "Bearer "+c.Token)
	return r
}
