package invoke

import (
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestHopCountsRunsOfAFunction(t *testing.T) {
	trace := ""
	for n := 1; n <= maxHops; n++ {
		inv := &ebb.Invocation{ID: "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b", FunctionKey: key, TraceID: trace}
		if err := hop(inv, lineageHash(key), false); err != nil {
			t.Fatalf("run %d: %v", n, err)
		}
		trace = inv.TraceID
		other := &ebb.Invocation{ID: inv.ID, FunctionKey: ebb.FunctionKey{Service: key.Service, Name: "g"}, TraceID: trace}
		if err := hop(other, lineageHash(other.FunctionKey), false); err != nil {
			t.Fatalf("run %d of g: %v", n, err)
		}
		trace = other.TraceID
	}
	inv := &ebb.Invocation{FunctionKey: key, TraceID: trace}
	err := hop(inv, lineageHash(key), false)
	if ebb.TypeOf(err) != ebb.TypeRecursiveInvocation || ebb.KindOf(err) != ebb.Invalid {
		t.Errorf("run 17 answered %v", err)
	}
	if err := hop(inv, lineageHash(key), true); err != nil {
		t.Errorf("with loops allowed: %v", err)
	}
	if n := strings.Count(trace, "Root="); n != 1 || strings.Count(trace, "Lineage=") != 1 {
		t.Errorf("trace header %q", trace)
	}
}

func TestHopKeepsWhatItDoesNotKnow(t *testing.T) {
	inv := &ebb.Invocation{FunctionKey: key, TraceID: "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a87bd80c:1|junk|68fd508a:x"}
	if err := hop(inv, lineageHash(key), false); err != nil {
		t.Fatal(err)
	}
	want := "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a87bd80c:1|68fd508a:x|" + lineageHash(key) + ":1"
	if inv.TraceID != want {
		t.Errorf("got  %s\nwant %s", inv.TraceID, want)
	}
}

func BenchmarkHop(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		inv := &ebb.Invocation{ID: "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b", FunctionKey: key}
		if err := hop(inv, lineageHash(key), false); err != nil {
			b.Fatal(err)
		}
	}
}

func TestHopOfANewTrace(t *testing.T) {
	inv := &ebb.Invocation{FunctionKey: key, TraceID: "Root=1-5759e988-bd862e3fe1be46a994272793"}
	if err := hop(inv, lineageHash(key), false); err != nil {
		t.Fatal(err)
	}
	if want := "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=" + lineageHash(key) + ":1"; inv.TraceID != want {
		t.Errorf("got  %s\nwant %s", inv.TraceID, want)
	}
}
