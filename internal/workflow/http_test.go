package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const connectionARN = "arn:aws:events:us-east-1:" + string(service) + ":connection/"

// httpTask is a machine that calls an endpoint; parameters are more of them.
func httpTask(endpoint, connection, parameters string) string {
	return fmt.Sprintf(`{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "End": true, "Parameters": {
		"ApiEndpoint": %q, "Authentication": {"ConnectionArn": %q}, %s}}}}`, endpoint, connection, parameters)
}

// answerer tells in its answer what it was asked.
func answerer(t *testing.T, grants *atomic.Int64) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"method": r.Method, "query": r.URL.RawQuery, "body": string(body),
			"authorization": r.Header.Get("Authorization"), "key": r.Header.Get("X-Key"), "more": r.Header.Get("X-More")})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("client_secret") != "s3cret" || r.PostFormValue("scope") != "pay" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `{"access_token": "token-%d", "expires_in": 3600}`, grants.Add(1))
	})
	mux.HandleFunc("/none", http.NotFound)
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/echo", http.StatusFound) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestHTTPTask(t *testing.T) {
	r := newRig(t)
	var grants atomic.Int64
	server := answerer(t, &grants)
	at := func(path string) string { return server.URL + path }
	r.secrets["basic"] = `{"AuthorizationType": "BASIC", "AuthParameters": {"BasicAuthParameters": {"Username": "u", "Password": "p"},
		"InvocationHttpParameters": {"HeaderParameters": [{"Key": "X-More", "Value": "mine"}], "QueryStringParameters": [{"Key": "q", "Value": "mine"}], "BodyParameters": [{"Key": "from", "Value": "connection"}]}}}`
	r.secrets["key"] = `{"AuthorizationType": "API_KEY", "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "k"}}}`
	r.secrets["oauth"] = fmt.Sprintf(`{"AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "AuthParameters": {"OAuthParameters": {"ClientParameters": {"ClientID": "id", "ClientSecret": "s3cret"},
		"AuthorizationEndpoint": %q, "HttpMethod": "POST", "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "pay"}]}}}}`, at("/token"))
	body := func(x *ebb.Execution) string {
		t.Helper()
		if x.Status != ebb.ExecutionSucceeded {
			t.Fatalf("%s: %s", x.Status, str(x.Outcome.Error))
		}
		var answer struct{ ResponseBody map[string]string }
		must(t, json.Unmarshal([]byte(*x.Outcome.Output), &answer))
		b := answer.ResponseBody
		return strings.Join([]string{b["method"], b["query"], b["body"], b["authorization"], b["key"], b["more"]}, "|")
	}
	post := `"Method": "POST", "Headers": {"X-More": "theirs"}, "QueryParameters": {"q": "theirs", "r": ["1", "2"]}, "RequestBody": {"a": 1}`
	equal(t, "basic", []string{body(r.run(httpTask(at("/echo"), connectionARN+"basic/0123", post), `{}`))}, []string{`POST|q=mine&r=1&r=2|{"a":1,"from":"connection"}|Basic dTpw||mine`})
	equal(t, "key", []string{body(r.run(httpTask(at("/echo"), connectionARN+"key", `"Method": "GET"`), `{}`))}, []string{`GET||||k|`})
	form := `"Method": "POST", "Headers": {"Content-Type": "application/x-www-form-urlencoded"}, "RequestBody": {"a": "b c"}`
	for range 2 {
		equal(t, "oauth", []string{body(r.run(httpTask(at("/echo"), connectionARN+"oauth", form), `{}`))}, []string{`POST||a=b+c|Bearer token-1||`})
	}
	for _, c := range []struct{ endpoint, connection, want string }{
		{at("/none"), "key", "States.Http.StatusCode.404: 404 page not found"},
		{at("/away"), "key", "States.Http.StatusCode.302: "},
		{"http://elsewhere.example/", "key", "States.Http.Socket: elsewhere.example:80 is closed"},
		{"file:///etc/passwd", "key", "States.Runtime: ApiEndpoint: "},
		{at("/echo"), "missing", "Events.ConnectionResource.AccessDenied: The connection " + connectionARN + "missing cannot be used: there is no secret missing"},
	} {
		is(t, r.run(httpTask(c.endpoint, connectionARN+c.connection, `"Method": "GET"`), `{}`), ebb.ExecutionFailed, c.want)
	}
	other := strings.Replace(connectionARN, string(service), "111111111111", 1)
	is(t, r.run(httpTask(at("/echo"), other+"key", `"Method": "GET"`), `{}`), ebb.ExecutionFailed, "Events.ConnectionResource.AccessDenied: ")
	r.secrets["oauth"] = strings.Replace(r.secrets["oauth"], "s3cret", "old", 1)
	is(t, r.run(httpTask(at("/echo"), connectionARN+"oauth", `"Method": "GET"`), `{}`), ebb.ExecutionFailed,
		"Events.ConnectionResource.AuthorizationFailed: The connection "+connectionARN+"oauth could not be authorized: the authorization endpoint answered 401 Unauthorized and no access token")
}

func TestConnectionsThatCannotWork(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{`hunter2`, "its secret holds no JSON of a connection (AuthorizationType, AuthParameters)"},
		{`{"AuthorizationType": "NONE"}`, `AuthorizationType "NONE" of its secret is none of BASIC, API_KEY, OAUTH_CLIENT_CREDENTIALS`},
		{`{"AuthorizationType": "BASIC"}`, "its secret lacks AuthParameters.BasicAuthParameters.Username"},
		{`{"AuthorizationType": "API_KEY"}`, "its secret lacks AuthParameters.ApiKeyAuthParameters.ApiKeyName"},
		{`{"AuthorizationType": "OAUTH_CLIENT_CREDENTIALS"}`, "its secret lacks AuthParameters.OAuthParameters"},
	} {
		if _, err := readConnection([]byte(c.value)); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.value, err, c.want)
		}
	}
}

// TestRolesOfWorkflows: what a state machine's role may not, its tasks do not.
func TestRolesOfWorkflows(t *testing.T) {
	r := newRig(t)
	r.denied = map[string]bool{"lambda:InvokeFunction": true, "states:StartExecution": true, "events:RetrieveConnectionCredentials": true}
	is(t, r.run(invokeTask("f", ""), `{}`), ebb.ExecutionFailed, "Lambda.AccessDeniedException: User: "+testRole+" is not authorized to perform: lambda:InvokeFunction on resource: ")
	child := r.create("child", "", `{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}`)
	is(t, r.run(`{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "Parameters": {"StateMachineArn": "`+child+`"}, "End": true}}}`, `{}`),
		ebb.ExecutionFailed, "StepFunctions.AccessDeniedException: User: "+testRole+" is not authorized to perform: states:StartExecution")
	r.secrets["key"] = `{"AuthorizationType": "API_KEY", "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "k"}}}`
	is(t, r.run(httpTask("http://127.0.0.1/", connectionARN+"key", `"Method": "GET"`), `{}`), ebb.ExecutionFailed,
		"Events.ConnectionResource.AccessDenied: User: "+testRole+" is not authorized to perform: events:RetrieveConnectionCredentials on resource: "+connectionARN+"key")
}

// TestCredentials: a task acts with the role that its Credentials name, if the
// role of its state machine may take it on.
func TestCredentials(t *testing.T) {
	r := newRig(t)
	task := strings.Replace(invokeTask("f", ""), `"Type": "Task"`, `"Type": "Task", "Credentials": {"RoleArn.$": "$.role"}`, 1)
	other := strings.Replace(testRole, "worker", "other", 1)
	x := r.run(task, `{"role": "`+other+`"}`)
	if x.Status != ebb.ExecutionSucceeded {
		t.Fatal(str(x.Outcome.Error), str(x.Outcome.Cause))
	}
	r.mu.Lock()
	got := slices.Clone(r.asked)
	r.mu.Unlock()
	if !slices.Contains(got, testRole+" sts:AssumeRole "+other) || !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, other+" lambda:InvokeFunction ") }) {
		t.Error(got)
	}
	events, _, err := r.History(t.Context(), x, 1, 100, false)
	must(t, err)
	if events[2].Type != "TaskScheduled" || events[2].Details.RoleARN != other {
		t.Errorf("%+v", events[2])
	}
	r.mu.Lock()
	r.denied = map[string]bool{"sts:AssumeRole": true}
	r.mu.Unlock()
	is(t, r.run(task, `{"role": "`+other+`"}`), ebb.ExecutionFailed, "States.Permissions: User: "+testRole+" is not authorized to perform: sts:AssumeRole on resource: "+other)
	is(t, r.run(task, `{"role": "arn:aws:iam::111111111111:role/other"}`), ebb.ExecutionFailed, "States.Permissions: Credentials: RoleArn: ")
	if x := r.run(task, `{"role": "`+testRole+`"}`); x.Status != ebb.ExecutionSucceeded {
		t.Error("its own role is nobody else's", str(x.Outcome.Cause))
	}
}

// TestEventInvocation: an invocation of type Event is accepted, not awaited; a
// DryRun does nothing.
func TestEventInvocation(t *testing.T) {
	r := newRig(t)
	is(t, r.run(strings.Replace(invokeTask("f", `"ResultSelector": {"s.$": "$.StatusCode"}, `), `"Payload.$"`, `"InvocationType": "Event", "Payload.$"`, 1), `{"n": 1}`), ebb.ExecutionSucceeded, `{"s":202}`)
	is(t, r.run(strings.Replace(invokeTask("f", `"ResultSelector": {"s.$": "$.StatusCode"}, `), `"Payload.$"`, `"InvocationType": "DryRun", "Payload.$"`, 1), `{}`), ebb.ExecutionSucceeded, `{"s":204}`)
	r.mu.Lock()
	defer r.mu.Unlock()
	equal(t, "accepted", r.accepted, []string{`f {"n":1}`})
	if r.calls["f"] != 0 {
		t.Error("it was called")
	}
}

func (r *rig) accept(_ context.Context, inv *ebb.Invocation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accepted = append(r.accepted, inv.Name+" "+string(inv.Payload))
	return nil
}

func (r *rig) permit(_ context.Context, _ ebb.ServiceID, role, action, resource string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, role+" "+action+" "+resource)
	if r.denied[action] {
		return errors.New("no")
	}
	return nil
}

func (r *rig) secret(_ context.Context, _ ebb.ServiceID, name string) ([]byte, error) {
	value, ok := r.secrets[name]
	if !ok {
		return nil, fmt.Errorf("there is no secret %s", name)
	}
	return []byte(value), nil
}
