package invoke

import (
	"math"
	"strconv"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/pool"
)

// The lines that frame an invocation in its function's log, as AWS writes them;
// REPORT goes on with what a cold start was made of.

func appendStart(b []byte, id ebb.InvocationID, version string) []byte {
	b = append(b, "START RequestId: "...)
	b = append(b, id...)
	b = append(b, " Version: "...)
	return append(b, version...)
}

func appendEnd(b []byte, id ebb.InvocationID) []byte {
	b = append(b, "END RequestId: "...)
	return append(b, id...)
}

func appendReport(b []byte, id ebb.InvocationID, v *ebb.Version, ph ebb.Phases, out *pool.Outcome) []byte {
	b = append(b, "REPORT RequestId: "...)
	b = append(b, id...)
	b = appendMillis(b, "\tDuration: ", out.Duration)
	b = append(b, "\tBilled Duration: "...)
	b = strconv.AppendInt(b, int64(math.Ceil(float64(out.Duration)/float64(time.Millisecond))), 10)
	b = append(b, " ms\tMemory Size: "...)
	b = strconv.AppendInt(b, int64(v.MemoryMB), 10)
	b = append(b, " MB\tMax Memory Used: "...)
	b = strconv.AppendInt(b, (out.MemoryPeak+1<<20-1)>>20, 10)
	b = append(b, " MB\t"...)
	if ph.Queue >= time.Millisecond || ph.Cold() {
		b = appendMillis(b, "Queue: ", ph.Queue)
		b = append(b, '\t')
	}
	if ph.Cold() {
		b = appendMillis(b, "Init Duration: ", ph.Init)
		b = appendMillis(b, "\tBox: ", ph.Box)
		b = appendMillis(b, "\tSpecialise: ", ph.Specialise)
		b = append(b, '\t')
	}
	if ph.Thaw > 0 {
		b = appendMillis(b, "Thaw: ", ph.Thaw)
		b = append(b, '\t')
	}
	if out.FunctionError != "" {
		status := "error"
		if out.ErrorType == ebb.ErrorTimeout {
			status = "timeout"
		}
		b = append(b, "Status: "...)
		b = append(b, status...)
		if out.ErrorType != "" {
			b = append(b, "\tError Type: "...)
			b = append(b, out.ErrorType...)
		}
		b = append(b, '\t')
	}
	return b
}

// recordFailure writes the lines of an invocation that ended before it had an
// instance, and returns them if its caller asked for the tail.
func (i *Invoker) recordFailure(inv *ebb.Invocation, v *ebb.Version, f *pool.Failure) (tail []byte) {
	version := v.Qualifier()
	out := pool.Outcome{Duration: f.Phases.Init, MemoryPeak: f.MemoryPeak}
	out.FunctionError, out.ErrorType = ebb.FunctionErrorUnhandled, f.ErrorType
	stream := i.logs.Stream(v.FunctionKey)
	for _, line := range [][]byte{
		appendStart(nil, inv.ID, version),
		appendCause(nil, inv.ID, time.Now(), string(f.Document)),
		appendEnd(nil, inv.ID),
		appendReport(nil, inv.ID, v, f.Phases, &out),
	} {
		stream.Append(logs.Entry{Kind: logs.Platform, Request: inv.ID, Version: version, Text: line})
		if inv.Tail {
			tail = append(append(tail, line...), '\n')
		}
	}
	return tail
}

// appendCause is the line that says why ebb ended an invocation.
func appendCause(b []byte, id ebb.InvocationID, now time.Time, cause string) []byte {
	b = now.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z ")
	b = append(b, id...)
	b = append(b, ' ')
	return append(b, cause...)
}

func appendMillis(b []byte, name string, d time.Duration) []byte {
	b = append(b, name...)
	b = strconv.AppendFloat(b, float64(d)/float64(time.Millisecond), 'f', 2, 64)
	return append(b, " ms"...)
}
