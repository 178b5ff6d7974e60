package runtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
	"github.com/ebb-faas/ebb/runtimes"
)

func boxID() string { return uuid.NewString() }

// behaviours is the contract. The name is the function's; each gets a fresh
// instance of it.
var behaviours = map[string]func(t *testing.T, st start, in *instance){
	"echo": func(t *testing.T, _ start, in *instance) {
		for _, payload := range []string{`{"a":[1,2.5,"x",null,true]}`, `"ü 😀 \u0000"`, `null`, `[]`, `0`, strings.Repeat(" ", 70000) + `{}`} {
			a := in.invoke("r", payload)
			if d := cmp.Diff(decode(t, []byte(payload)), decode(t, a.body)); d != "" || a.FunctionError != "" || a.head != (ebb.Head{}) {
				t.Errorf("%.40s: %s %+v", payload, d, a.Outcome)
			}
		}
	},
	"counter": func(t *testing.T, _ start, in *instance) {
		for i := 1; i <= 50; i++ {
			if a := in.invoke(fmt.Sprint("r", i), `{}`); string(a.body) != fmt.Sprint(i) {
				t.Fatalf("invocation %d: %s", i, a.body)
			}
		}
	},
	"context":     behavesContext,
	"environment": behavesEnvironment,
	"error": func(t *testing.T, _ start, in *instance) {
		for range 2 {
			a := in.invoke("r", `{}`)
			doc, _ := decode(t, a.body).(map[string]any)
			if a.FunctionError != "Unhandled" || a.ErrorType != "CustomError" || a.head.FunctionError != "Unhandled" ||
				doc["errorType"] != "CustomError" || doc["errorMessage"] != "it broke: ü" || a.Ending {
				t.Errorf("%+v %s", a.Outcome, a.body)
			}
		}
	},
	"crash": func(t *testing.T, _ start, in *instance) { behavesExit(t, in, 3, "before the crash") },
	"exit":  func(t *testing.T, _ start, in *instance) { behavesExit(t, in, 1, "before the exit") },
	"big": func(t *testing.T, _ start, in *instance) {
		if a := in.invoke("r", `5000000`); len(a.body) != 5000002 || a.FunctionError != "" {
			t.Errorf("%d bytes, %+v", len(a.body), a.Outcome)
		}
		a := in.invoke("r", `7000000`)
		if doc, _ := decode(t, a.body).(map[string]any); a.ErrorType != ebb.ErrorResponseSize || doc["errorType"] != ebb.ErrorResponseSize {
			t.Errorf("%+v %.200s", a.Outcome, a.body)
		}
	},
	"lines": func(t *testing.T, _ start, in *instance) {
		in.invoke("r", `1000`)
		var want []string
		for i := range 1000 {
			want = append(want, fmt.Sprint("line ", i))
		}
		if d := cmp.Diff(want, in.lines("r", 1000)); d != "" {
			t.Error(d)
		}
	},
	"no_newline": func(t *testing.T, st start, in *instance) {
		in.invoke("r", `{}`)
		if st.runtime.Protocol != runtimes.Framed { // a pipe cannot know that the invocation is over
			in.box.Stop(time.Second)
		}
		if got := in.lines("r", 2); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("%q", got)
		}
	},
	"binary": func(t *testing.T, _ start, in *instance) {
		in.invoke("r", `{}`)
		if got := in.lines("r", 1); !slices.Equal(got, []string{"\xff\x00\xfe"}) {
			t.Errorf("%q", got)
		}
	},
	"child": func(t *testing.T, _ start, in *instance) {
		if a := in.invoke("r", `{}`); string(a.body) != "5" {
			t.Errorf("%s", a.body)
		}
		if got := in.lines("r", 1); !slices.Equal(got, []string{"from the child"}) {
			t.Errorf("%q", got)
		}
	},
	"sleep": func(t *testing.T, _ start, in *instance) {
		_, err := in.try(runtimeapi.Call{ID: "r", Payload: []byte(`{}`), Deadline: time.Now().Add(time.Second)})
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, runtimeapi.ErrNotDelivered) {
			t.Errorf("Invoke: %v", err)
		}
		if got := in.lines("r", 1); !slices.Equal(got, []string{"going to sleep"}) {
			t.Errorf("%q", got)
		}
	},
	"files": func(t *testing.T, st start, in *instance) {
		a := in.invoke("r", `{}`)
		doc, _ := decode(t, a.body).(map[string]any)
		want := "read-only"
		if !st.kind.isolated {
			want, _ = doc["code"].(string) // nothing is promised
		}
		if doc["code"] != want || doc["cwd"] != true {
			t.Errorf("%s", a.body)
		}
	},
	"stream": func(t *testing.T, st start, in *instance) {
		least := 2
		if st.runtime.Protocol == runtimes.HTTP {
			least = 1 // TCP may bring both at once
		}
		for range 2 {
			a := in.invoke("r", `{}`)
			if string(a.body) != "one two" || !a.head.Streaming || a.head.ContentType != "text/plain" || a.pieces < least || a.FunctionError != "" {
				t.Errorf("%q in %d pieces, %+v, %+v", a.body, a.pieces, a.head, a.Outcome)
			}
		}
	},
	"stream_late_error": func(t *testing.T, _ start, in *instance) {
		a := in.invoke("r", `{}`)
		doc, _ := decode(t, a.LateError).(map[string]any)
		if string(a.body) != "part" || a.ErrorType != "CustomError" || doc["errorMessage"] != "too late" {
			t.Errorf("%q, %+v %s", a.body, a.Outcome, a.LateError)
		}
	},
}

func decode(t *testing.T, b []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v: %.200q", err, b)
	}
	return v
}

func behavesContext(t *testing.T, _ start, in *instance) {
	call := runtimeapi.Call{
		ID: "r1", ARN: arn + ":live", TraceID: "Root=1-2-3;Sampled=0", Payload: []byte(`{}`),
		ClientContext: []byte("{\n\"custom\":{\"a\":\"b\"}}"), Deadline: time.Now().Add(20 * time.Second),
	}
	a, err := in.try(call)
	if err != nil {
		t.Fatal(err)
	}
	doc, _ := decode(t, a.body).(map[string]any)
	if left, _ := doc["remaining"].(float64); left < 1000 || left > 20000 {
		t.Errorf("remaining %v", doc["remaining"])
	}
	delete(doc, "remaining")
	want := map[string]any{
		"requestId": "r1", "arn": arn + ":live", "name": "contract", "version": "$LATEST", "memory": 256.0,
		"group": "/aws/lambda/contract", "stream": "the-stream", "trace": "Root=1-2-3;Sampled=0", "custom": map[string]any{"a": "b"},
	}
	if d := cmp.Diff(want, doc); d != "" {
		t.Error(d)
	}
	// The next invocation has nothing of the last one.
	doc, _ = decode(t, in.invoke("r2", `{}`).body).(map[string]any)
	if doc["requestId"] != "r2" || doc["arn"] != arn || doc["trace"] != "" || doc["custom"] != nil {
		t.Errorf("%v", doc)
	}
}

func behavesEnvironment(t *testing.T, st start, in *instance) {
	doc, _ := decode(t, in.invoke("r", `{}`).body).(map[string]any)
	want := map[string]string{
		"_HANDLER": st.handler, "LAMBDA_TASK_ROOT": in.box.Path("/var/task"), "LAMBDA_RUNTIME_DIR": in.box.Path("/var/runtime"),
		"AWS_LAMBDA_FUNCTION_NAME": "contract", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/contract", "AWS_LAMBDA_LOG_STREAM_NAME": "the-stream",
		"AWS_EXECUTION_ENV": "AWS_Lambda_" + st.runtime.ID, "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
		"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "TZ": ":UTC", "MINE": "it's mine",
		"AWS_ENDPOINT_URL": "http://" + in.box.Endpoint().Addr().String(),
	}
	for k, v := range want {
		if doc[k] != v {
			t.Errorf("%s is %v, want %q", k, doc[k], v)
		}
	}
	for _, k := range []string{"PATH", "LD_LIBRARY_PATH", "LANG"} {
		if doc[k] == nil {
			t.Errorf("%s is not set", k)
		}
	}
}

func behavesExit(t *testing.T, in *instance, code int, line string) {
	_, err := in.try(runtimeapi.Call{ID: "r", Payload: []byte(`{}`)})
	if err == nil || errors.Is(err, runtimeapi.ErrNotDelivered) || !errors.Is(err, io.EOF) && !errors.Is(err, runtimeapi.ErrClosed) {
		t.Errorf("Invoke: %v", err)
	}
	<-in.box.Done()
	if exit := in.box.Exit(); exit.Code != code || exit.Signal != "" {
		t.Errorf("exit %+v", exit)
	}
	if got := in.lines("r", 1); !slices.Equal(got, []string{line}) {
		t.Errorf("%q", got)
	}
	if _, err := in.try(runtimeapi.Call{ID: "r", Payload: []byte(`{}`)}); !errors.Is(err, runtimeapi.ErrNotDelivered) {
		t.Errorf("Invoke after the end: %v", err)
	}
}

func TestContract(t *testing.T) {
	s := newSuite(t)
	for _, k := range s.kinds {
		for _, r := range s.distinct(t) {
			if !k.has(r) {
				continue
			}
			f := s.families[r.Family]
			all := s.primary(r) || !k.isolated
			t.Run(k.name+"/"+r.ID, func(t *testing.T) {
				t.Parallel()
				for name, check := range behaviours {
					if slices.Contains(f.Without, name) || !all && name != "echo" {
						continue
					}
					t.Run(name, func(t *testing.T) {
						st := start{kind: k, runtime: r, family: f, handler: fmt.Sprintf(f.Handler, name)}
						check(t, st, up(t, st))
					})
				}
				for handler, want := range f.Inits {
					if all {
						t.Run("init/"+handler, func(t *testing.T) {
							initFails(t, start{kind: k, runtime: r, family: f, handler: handler}, want)
						})
					}
				}
				t.Run("ends", func(t *testing.T) {
					ends(t, start{kind: k, runtime: r, family: f, handler: fmt.Sprintf(f.Handler, "echo")})
				})
			})
		}
	}
}

// initFails: the failure is told with a document, and the process ends by itself.
func initFails(t *testing.T, st start, want string) {
	in, init := launch(t, st)
	failure, err := in.session.Ready(t.Context(), init)
	if err != nil || failure == nil || failure.ErrorType != want {
		t.Fatalf("Ready: %+v, %v", failure, err)
	}
	doc, _ := decode(t, failure.Document).(map[string]any)
	if message, _ := doc["errorMessage"].(string); doc["errorType"] != want || message == "" {
		t.Errorf("%s", failure.Document)
	}
	<-in.box.Done()
	if exit := in.box.Exit(); exit.Code != 1 {
		t.Errorf("exit %+v", exit)
	}
}

// ends: a runtime ends when it is asked to, before it would be killed.
func ends(t *testing.T, st start) {
	in := up(t, st)
	in.box.Stop(10 * time.Second)
	<-in.box.Done()
	if exit := in.box.Exit(); exit.Signal == "killed" {
		t.Errorf("exit %+v", exit)
	}
}

func TestMissingBootstrap(t *testing.T) {
	s := newSuite(t)
	r, ok := s.catalog.Lookup("provided")
	if !ok {
		t.Fatal("provided needs nothing of the host, and is not there")
	}
	tests := map[string]struct {
		mode os.FileMode
		text string
	}{
		"missing":        {},
		"not executable": {mode: 0o644, text: "#!/bin/sh\n"},
		"no interpreter": {mode: 0o755, text: "#!/no/such/shell\n"},
	}
	for _, k := range s.kinds {
		if !k.has(r) {
			continue
		}
		for name, tt := range tests {
			t.Run(k.name+"/"+name, func(t *testing.T) {
				dir := t.TempDir()
				if tt.mode != 0 {
					if err := os.WriteFile(filepath.Join(dir, "bootstrap"), []byte(tt.text), tt.mode); err != nil {
						t.Fatal(err)
					}
				}
				in, init := launch(t, start{kind: k, runtime: r, family: s.families["provided"], handler: "x", code: dir})
				<-in.box.Done()
				if exit := in.box.Exit(); exit.Err == nil {
					t.Errorf("exit %+v", exit)
				}
				if _, err := in.session.Ready(t.Context(), init); !errors.Is(err, runtimeapi.ErrClosed) {
					t.Errorf("Ready: %v", err)
				}
			})
		}
	}
}

// TestShellBootstrap runs the kind of custom runtime that documentation starts
// with: a shell script around an HTTP client.
func TestShellBootstrap(t *testing.T) {
	s := newSuite(t)
	if runtime.GOOS != "linux" {
		t.Skip("boxes have a /usr/bin/curl on Linux only")
	}
	if _, err := os.Stat("/usr/bin/curl"); err != nil {
		hosttest.Lacks(t, "this host lacks /usr/bin/curl, which boxes see: make test-deps installs it")
	}
	script := `#!/bin/sh
API="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while :; do
  curl -sS -D /tmp/headers -o /tmp/event "$API/next" || exit 1
  ID=$(sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: *\([^[:cntrl:]]*\).*/\1/p' /tmp/headers)
  echo "event of $ID"
  curl -sS -o /dev/null --data-binary "{\"got\":$(cat /tmp/event)}" "$API/$ID/response"
done
`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bootstrap"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	r, _ := s.catalog.Lookup("provided.al2023")
	for _, k := range s.kinds {
		if !k.has(r) {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			in := up(t, start{kind: k, runtime: r, family: s.families["provided"], handler: "x", code: dir})
			for _, id := range []string{"one", "two"} {
				if a := in.invoke(id, `[1]`); string(a.body) != `{"got":[1]}` {
					t.Errorf("%s", a.body)
				}
			}
			if got := in.lines("", 2); !slices.Equal(got, []string{"event of one", "event of two"}) {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestKilled: a process that is killed from outside is told apart from one that
// exits, and its caller is not left waiting.
func TestKilled(t *testing.T) {
	s := newSuite(t)
	for _, r := range s.distinct(t) {
		k := s.kinds[len(s.kinds)-1] // the strongest that it has
		for i := len(s.kinds) - 2; !k.has(r); i-- {
			k = s.kinds[i]
		}
		if !s.primary(r) {
			continue
		}
		t.Run(r.ID, func(t *testing.T) {
			f := s.families[r.Family]
			in := up(t, start{kind: k, runtime: r, family: f, handler: fmt.Sprintf(f.Handler, "sleep")})
			got := make(chan error, 1)
			go func() { _, err := in.try(runtimeapi.Call{ID: "r", Payload: []byte(`{}`)}); got <- err }()
			in.lines("r", 1) // it has begun
			in.box.Destroy()
			if err := <-got; err == nil {
				t.Error("Invoke did not fail")
			}
			if exit := in.box.Exit(); exit.Signal != "killed" {
				t.Errorf("exit %+v", exit)
			}
		})
	}
}
