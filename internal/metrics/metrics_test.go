package metrics

import (
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// scrape returns what a scraper reads.
func scrape(m *Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestInvocationsAreCounted(t *testing.T) {
	m := New()
	key := ebb.FunctionKey{Service: ebb.DefaultService, Name: "f"}
	h := m.Version(&ebb.Version{FunctionKey: key, Number: 2, Runtime: "python3"})
	h.Done(&ebb.Result{Phases: ebb.Phases{Queue: time.Millisecond, Init: 80 * time.Millisecond, Invoke: 2 * time.Millisecond}})
	h.Done(&ebb.Result{Phases: ebb.Phases{Invoke: 2 * time.Millisecond}})
	h.Done(&ebb.Result{FunctionError: ebb.FunctionErrorUnhandled, ErrorType: "ValueError"})
	h.Done(&ebb.Result{FunctionError: ebb.FunctionErrorUnhandled, ErrorType: ebb.ErrorTimeout})
	h.Throttled()
	m.Gauge("ebb_test", "A test.", map[string]string{"state": "idle"}, func() float64 { return 7 })
	m.Count("ebb_test_total", "A test.", func() float64 { return 8 })
	const f = `function="f",`
	for _, want := range []string{
		`ebb_invocations_total{` + f + `outcome="ok",service="000000000000",version="2"} 2`,
		`ebb_invocations_total{` + f + `outcome="error",service="000000000000",version="2"} 1`,
		`ebb_invocations_total{` + f + `outcome="timeout",service="000000000000",version="2"} 1`,
		`ebb_throttles_total{` + f + `service="000000000000"} 1`,
		`ebb_invocation_seconds_count{` + f + `service="000000000000"} 4`,
		`ebb_start_seconds_count{phase="init",runtime="python3"} 1`,
		`ebb_start_seconds_bucket{phase="init",runtime="python3",le="0.1"} 1`,
		`ebb_start_seconds_bucket{phase="init",runtime="python3",le="0.03"} 0`,
		`ebb_test{state="idle"} 7`, `ebb_test_total 8`, `go_goroutines `,
	} {
		if !strings.Contains(scrape(m), want+"\n") && !(strings.HasSuffix(want, " ") && strings.Contains(scrape(m), want)) {
			t.Errorf("no %s in:\n%s", want, scrape(m))
		}
	}
	m.Version(&ebb.Version{FunctionKey: key, Number: 3}) // nobody has invoked it
	if got := m.Calls(); len(got) != 1 || got[0] != (Calls{Function: key, Version: "2", OK: 2, Failed: 2, Throttled: 1}) {
		t.Errorf("%+v", got)
	}
	m.Forget(key)
	if text := scrape(m); strings.Contains(text, `function="f"`) {
		t.Errorf("the function is gone, its series are not:\n%s", text)
	}
}

func BenchmarkDone(b *testing.B) {
	h := New().Version(&ebb.Version{Runtime: "python3"})
	res := &ebb.Result{Phases: ebb.Phases{Invoke: time.Millisecond}}
	b.ReportAllocs()
	for b.Loop() {
		h.Done(res)
	}
}

// Who may see one service sees its series and no others.
func TestServiceHandler(t *testing.T) {
	m := New()
	m.Gauge("ebb_test", "A test.", map[string]string{"state": "idle"}, func() float64 { return 7 })
	for _, id := range []ebb.ServiceID{ebb.DefaultService, "123456789012"} {
		m.Version(&ebb.Version{FunctionKey: ebb.FunctionKey{Service: id, Name: "f" + string(id)}, Runtime: "python3"}).Done(&ebb.Result{})
	}
	w := httptest.NewRecorder()
	m.ServiceHandler("123456789012").ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text := w.Body.String()
	if !strings.Contains(text, `ebb_invocations_total{function="f123456789012"`) {
		t.Errorf("its own series are missing:\n%s", text)
	}
	for _, foreign := range []string{"f000000000000", "go_goroutines", "ebb_test", "ebb_start_seconds"} {
		if strings.Contains(text, foreign) {
			t.Errorf("%s is told", foreign)
		}
	}
	if !strings.Contains(scrape(m), "f000000000000") || !strings.Contains(scrape(m), "f123456789012") {
		t.Error("the whole is not whole any more")
	}
}

// TestWhatIsKeptOfAFunction: the numbers, and not much besides.
func TestWhatIsKeptOfAFunction(t *testing.T) {
	m := New()
	const functions = 2000
	kept := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for i := range functions {
				key := ebb.FunctionKey{Service: ebb.DefaultService, Name: strconv.Itoa(i) + "-" + strconv.Itoa(b.N)}
				m.Version(&ebb.Version{FunctionKey: key, Runtime: "python3"}).Done(&ebb.Result{Phases: ebb.Phases{Invoke: time.Millisecond}})
			}
		}
	})
	if each := kept.AllocedBytesPerOp() / functions; each > 1024 {
		t.Errorf("%d bytes for each function", each)
	}
}

// TestSameVersionSameCount: a handle that was let go is found again.
func TestSameVersionSameCount(t *testing.T) {
	m := New()
	key := ebb.FunctionKey{Service: ebb.DefaultService, Name: "f"}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			m.Version(&ebb.Version{FunctionKey: key, Runtime: "python3"}).Done(&ebb.Result{Phases: ebb.Phases{Invoke: 1200 * time.Second}})
		})
	}
	all.Wait()
	for _, want := range []string{`outcome="ok",service="000000000000",version="$LATEST"} 50`,
		`ebb_invocation_seconds_bucket{function="f",service="000000000000",le="900"} 0`,
		`ebb_invocation_seconds_bucket{function="f",service="000000000000",le="+Inf"} 50`,
		`ebb_invocation_seconds_sum{function="f",service="000000000000"} 60000`} {
		if text := scrape(m); !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in:\n%s", want, text)
		}
	}
}
