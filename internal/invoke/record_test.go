package invoke

import (
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/pool"
)

func TestReportLine(t *testing.T) {
	v := &ebb.Version{MemoryMB: 128}
	warm := pool.Outcome{Duration: 1234567 * time.Nanosecond, MemoryPeak: 30<<20 - 1}
	failed := warm
	failed.FunctionError, failed.ErrorType = ebb.FunctionErrorUnhandled, "ValueError"
	late := failed
	late.ErrorType = ebb.ErrorTimeout
	cold := ebb.Phases{Queue: 500 * time.Microsecond, Box: 4 * time.Millisecond, Specialise: time.Millisecond, Init: 80 * time.Millisecond}
	const head = "REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\t"
	for _, c := range []struct {
		name string
		ph   ebb.Phases
		out  *pool.Outcome
		want string
	}{
		{"warm", ebb.Phases{}, &warm, head},
		{"waited", ebb.Phases{Queue: 3 * time.Millisecond}, &warm, head + "Queue: 3.00 ms\t"},
		{"cold", cold, &warm, head + "Queue: 0.50 ms\tInit Duration: 80.00 ms\tBox: 4.00 ms\tSpecialise: 1.00 ms\t"},
		{"thawed", ebb.Phases{Thaw: 31 * time.Microsecond}, &warm, head + "Thaw: 0.03 ms\t"},
		{"failed", ebb.Phases{}, &failed, head + "Status: error\tError Type: ValueError\t"},
		{"timed out", ebb.Phases{}, &late, head + "Status: timeout\tError Type: Sandbox.Timedout\t"},
	} {
		if got := string(appendReport(nil, "id", v, c.ph, c.out)); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestCauseLine(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 7e6, time.UTC)
	got := string(appendCause(nil, "id", at, "Task timed out after 3.00 seconds"))
	if want := "2026-11-22T12:00:00.007Z id Task timed out after 3.00 seconds"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
