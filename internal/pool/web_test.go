package pool

import (
	"context"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/logs"
)

// web is a web function of the driver's server.
func (r *rig) web(name string, places int) *ebb.Version {
	v := r.version(name, 30)
	v.Env = map[string]string{ebb.EnvWebPort: "8080", ebb.EnvConcurrency: strconv.Itoa(places)}
	return v
}

// get passes an HTTP request through; the answer is its status and body.
func (r *rig) get(ctx context.Context, v *ebb.Version, path string, tail bool) (int, string, Outcome, []byte) {
	lease, err := r.Acquire(ctx, v, "", time.Now().Add(long))
	if err != nil {
		return 0, err.Error(), Outcome{}, nil
	}
	defer lease.Release()
	w := httptest.NewRecorder()
	inv := &ebb.Invocation{ID: ebb.InvocationID(uuid.NewString()), FunctionKey: v.FunctionKey, Tail: tail,
		HTTP: &ebb.Exchange{Request: httptest.NewRequest("GET", path, nil).WithContext(ctx), Writer: w}}
	lease.Begin(inv)
	lease.Record(inv.ID, []byte("START "+path))
	var sink collected
	out := lease.Invoke(context.WithoutCancel(ctx), inv, "arn", &sink)
	return w.Code, w.Body.String(), out, lease.End()
}

// crowd is a server that counts who is inside, and lets nobody out until told.
type crowd struct {
	mu      sync.Mutex
	inside  map[string]int // by box
	most    int
	release chan struct{}
}

func newCrowd() *crowd { return &crowd{inside: make(map[string]int), release: make(chan struct{})} }

func (c *crowd) serve(b *testBox) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		c.inside[b.id]++
		c.most = max(c.most, c.inside[b.id])
		c.mu.Unlock()
		<-c.release
		c.mu.Lock()
		c.inside[b.id]--
		c.mu.Unlock()
		_, _ = io.WriteString(w, b.id)
	})
}

func (c *crowd) boxes() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Values(c.inside))
}

func TestPlacesOfOneInstanceAreFilledFirst(t *testing.T) {
	c := newCrowd()
	d := &testDriver{serve: c.serve}
	r := newRig(t, Config{}, d)
	v := r.web("f", 8)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if status, body, out, _ := r.get(t.Context(), v, "/", false); status != 200 || out.FunctionError != "" {
				t.Errorf("%d %s %+v", status, body, out)
			}
		})
	}
	eventually(t, "20 in three instances", func() bool { return slices.Equal(c.boxes(), []int{4, 8, 8}) })
	if n := r.Counts(); n.Instances != 3 || n.Idle != 0 || n.Waiting != 0 {
		t.Errorf("%+v", n)
	}
	var inFlight []int
	for _, s := range r.Snapshot() {
		inFlight = append(inFlight, s.InFlight)
	}
	slices.Sort(inFlight)
	if !slices.Equal(inFlight, []int{4, 8, 8}) {
		t.Errorf("the snapshot says %v", inFlight)
	}
	close(c.release)
	all.Wait()
	if n := r.Counts(); n.Idle != 3 {
		t.Errorf("%+v", n)
	}
}

func TestWaitersShareAFailedStart(t *testing.T) {
	gate := make(chan struct{})
	d := &testDriver{serve: newCrowd().serve, begin: func(context.Context) error { <-gate; return errCrash }}
	r := newRig(t, Config{}, d)
	v := r.web("f", 32)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if _, body, _, _ := r.get(t.Context(), v, "/", false); !strings.Contains(body, "initialisation failed") {
				t.Error(body)
			}
		})
	}
	eventually(t, "32 waiting", func() bool { return r.Counts().Waiting == 32 })
	close(gate)
	all.Wait()
	if n := d.created.Load(); n != 1 {
		t.Errorf("%d starts for 32 requests that fit one instance", n)
	}
}

// TestBrokenInstanceEndsWithItsLastRequest: who hangs keeps others from coming,
// but does not take along those that are there.
func TestBrokenInstanceEndsWithItsLastRequest(t *testing.T) {
	release, entered := make(chan struct{}), make(chan struct{})
	d := &testDriver{serve: func(*testBox) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			switch req.URL.Path {
			case "/hang":
				<-req.Context().Done()
			case "/work":
				close(entered)
				<-release
				_, _ = io.WriteString(w, "worked")
			}
		})
	}}
	r := newRig(t, Config{}, d)
	v := r.web("f", 4)
	v.TimeoutS = 1
	hangs := make(chan Outcome, 1)
	lease, err := r.Acquire(t.Context(), v, "", time.Now().Add(long)) // holds the instance, and a place of it
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _, out, _ := r.get(context.Background(), v, "/hang", false)
		hangs <- out
	}()
	if out := <-hangs; out.ErrorType != ebb.ErrorTimeout || !strings.Contains(out.Cause, "timed out") {
		t.Errorf("%+v", out)
	}
	if n := d.alive.Load(); n != 1 {
		t.Errorf("%d instances, want the held one", n)
	}
	if status, _, _, _ := r.get(t.Context(), v, "/", false); status != 200 {
		t.Errorf("status %d", status)
	}
	if n := d.created.Load(); n != 2 {
		t.Errorf("%d instances were made: the one with the hanging request was lent again", n)
	}
	inv := &ebb.Invocation{ID: "work", HTTP: &ebb.Exchange{Request: httptest.NewRequest("GET", "/work", nil), Writer: httptest.NewRecorder()}}
	lease.Begin(inv)
	go func() { <-entered; close(release) }()
	if out := lease.Invoke(context.Background(), inv, "arn", &collected{}); out.FunctionError != "" {
		t.Errorf("who was there already: %+v", out)
	}
	lease.Release()
	eventually(t, "the spoilt one is gone", func() bool { return d.alive.Load() == 1 })
}

func TestLinesOfSharedInstancesAreNobodys(t *testing.T) {
	d := &testDriver{serve: func(b *testBox) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			_, _ = b.stdout.WriteString("hello from " + req.URL.Path + "\n")
		})
	}}
	r := newRig(t, Config{}, d)
	for _, places := range []int{1, 2} {
		v := r.web("f"+strconv.Itoa(places), places)
		_, _, _, tail := r.get(t.Context(), v, "/a", true)
		if got := string(tail); !strings.HasPrefix(got, "START /a\n") || places == 1 && !strings.Contains(got, "hello from /a\n") {
			t.Errorf("%d places: tail %q", places, got)
		}
		var tied, all int
		eventually(t, "the line", func() bool {
			tied, all = 0, 0
			_ = r.logs.Query(t.Context(), logs.Query{FunctionKey: v.FunctionKey, Contains: "hello"}, func(e logs.Entry) error {
				if all++; e.Request != "" {
					tied++
				}
				return nil
			})
			return all == 1
		})
		if want := 2 - places; tied != want {
			t.Errorf("%d places: %d lines are tied to a request", places, tied)
		}
	}
}

func TestRandomUseOfShared(t *testing.T) {
	var inside sync.Map
	var crashes atomic.Int64
	d := &testDriver{serve: func(b *testBox) http.Handler {
		n, _ := inside.LoadOrStore(b.id, new(atomic.Int64))
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			here := n.(*atomic.Int64)
			if now := here.Add(1); now > 5 {
				t.Errorf("%d requests in an instance with 5 places", now)
			}
			defer here.Add(-1)
			if req.URL.Path == "/crash" {
				crashes.Add(1)
				b.cancel()
				<-req.Context().Done()
			}
			_, _ = io.WriteString(w, "x")
		})
	}}
	r := newRig(t, Config{MaxInstances: 4, MaxPerFunction: 3, IdleTimeout: 20 * time.Millisecond}, d)
	var all sync.WaitGroup
	var ok atomic.Int64
	for i := range 24 {
		v := r.web("f"+strconv.Itoa(i%3), 5)
		all.Go(func() {
			for range 20 {
				path := "/"
				if rand.IntN(40) == 0 {
					path = "/crash"
				}
				status, body, out, _ := r.get(t.Context(), v, path, false)
				switch {
				case status == 200 && body == "x" && out.FunctionError == "":
					ok.Add(1)
				case out.FunctionError != "" || out.NotDelivered: // a crash, one's own or another's
				default:
					t.Errorf("%d %q %+v", status, body, out)
				}
			}
		})
	}
	all.Wait()
	if p := d.peak.Load(); p > 4 {
		t.Errorf("%d instances at once, the cap is 4", p)
	}
	if ok.Load() == 0 {
		t.Error("nothing went well")
	}
	t.Logf("%d answered, %d crashes", ok.Load(), crashes.Load())
}
