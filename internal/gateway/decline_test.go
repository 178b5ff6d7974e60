package gateway

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// onlyWhole is a writer that can write whole answers only.
type onlyWhole struct {
	*httptest.ResponseRecorder
	declined int
}

func (w *onlyWhole) Decline() { w.declined++ }

// webDoor says that every function is a web function.
type webDoor struct{ dispatch }

func (webDoor) Resolve(context.Context, ebb.FunctionKey, string) (*ebb.Version, error) {
	return &ebb.Version{Env: map[string]string{ebb.EnvWebPort: "8080"}}, nil
}

// TestOnlyWholeAnswersAreGivenToWhoCanWriteNoOther: what may have to be streamed is
// declined before anything was done for it or was said of it.
func TestOnlyWholeAnswersAreGivenToWhoCanWriteNoOther(t *testing.T) {
	invoked := 0
	answers := dispatch(func(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		invoked++
		return ebb.Result{}, say(sink, ebb.Head{}, `{"statusCode":201,"body":"whole"}`)
	})
	stream := plainURL(withStream)
	for name, c := range map[string]struct {
		urls     *urls
		door     Dispatcher
		declined int
	}{
		"buffered": {plainURL(), answers, 0},
		"streamed": {stream, answers, 1},
		"web":      {plainURL(), webDoor{answers}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			invoked = 0
			file := filepath.Join(t.TempDir(), "access.log")
			r := newRigBefore(t, Config{AccessLog: AccessLog{File: file}}, c.urls, c.door)
			w := &onlyWhole{ResponseRecorder: httptest.NewRecorder()}
			r.g.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/url/"+testID+"/", nil))
			if w.declined != c.declined || invoked != 1-c.declined || (len(r.g.access.waiting) > 0) != (c.declined == 0) {
				t.Errorf("declined %d times, invoked %d times, access log %q", w.declined, invoked, r.g.access.waiting)
			}
			if c.declined == 0 && (w.Code != http.StatusCreated || w.Body.String() != "whole") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

// TestRoutesDeclineToo: the same of HTTP routes.
func TestRoutesDeclineToo(t *testing.T) {
	r := newRouteRig(t, Config{}, nil)
	r.put(ebb.Route{Path: "/s", Auth: ebb.RouteAuthNone, Stream: true})
	w := &onlyWhole{ResponseRecorder: httptest.NewRecorder()}
	r.g.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/s", nil))
	if w.declined != 1 || r.inv.ID != "" {
		t.Errorf("declined %d times, invoked %v", w.declined, r.inv)
	}
}
