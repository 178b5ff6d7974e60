package runtime_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
)

// nothing is a sink that costs nothing.
type nothing struct{}

func (nothing) Head(ebb.Head) error         { return nil }
func (nothing) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkEcho measures one invocation, one after the other, in a plain process:
// time from call to answer, and the CPU time that the runtime's process used.
func BenchmarkEcho(b *testing.B) {
	s := newSuite(b)
	for _, r := range s.distinct(b) {
		if !s.primary(r) {
			continue
		}
		f := s.families[r.Family]
		b.Run(r.ID, func(b *testing.B) {
			in := up(b, start{kind: s.kinds[0], runtime: r, family: f, handler: fmt.Sprintf(f.Handler, "echo")})
			call := &runtimeapi.Call{ID: "8476a536-e9f4-11e8-9739-2dfe598c3fcd", ARN: arn, Payload: []byte(`{"name":"x","list":[1,2,3],"text":"some words that are a little longer"}`)}
			invoke := func() {
				call.Deadline = time.Now().Add(3 * time.Second)
				if _, err := in.session.Invoke(context.Background(), call, nothing{}); err != nil {
					b.Fatal(err)
				}
			}
			for range 20000 { // until the compilers have settled
				invoke()
			}
			before := in.box.Usage().CPU
			for b.Loop() {
				invoke()
			}
			b.ReportMetric(float64((in.box.Usage().CPU-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// BenchmarkStart measures from the making of a box to readiness and back.
func BenchmarkStart(b *testing.B) {
	s := newSuite(b)
	for _, k := range s.kinds {
		for _, r := range s.distinct(b) {
			if !s.primary(r) || !k.has(r) {
				continue
			}
			f := s.families[r.Family]
			b.Run(k.name+"/"+r.ID, func(b *testing.B) {
				for b.Loop() {
					up(b, start{kind: k, runtime: r, family: f, handler: fmt.Sprintf(f.Handler, "echo")}).close()
				}
			})
		}
	}
}
