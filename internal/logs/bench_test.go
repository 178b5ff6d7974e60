package logs

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func benchLine(i int) Entry {
	r := rand.New(rand.NewPCG(uint64(i/4), 1))
	return Entry{
		Time: time.Now().Add(time.Duration(i-100_000) * time.Millisecond), Level: "INFO", Version: "$LATEST", Instance: "i-0a1b2c3d",
		Request: ebb.InvocationID(fmt.Sprintf("%08x-0000-4000-8000-%012x", r.Uint32(), r.Uint64()>>16)),
		Text:    fmt.Appendf(nil, "order %d of customer %x was accepted in %d ms, total %d.%02d", i, r.Uint64(), r.IntN(900), r.IntN(9999), r.IntN(100)),
	}
}

func BenchmarkAppend(b *testing.B) {
	s := open(b, Config{})
	running(b, s)
	st := s.Stream(key)
	e := benchLine(1)
	b.ReportAllocs()
	for b.Loop() {
		st.Append(e)
	}
	b.ReportMetric(float64(s.Stats().Dropped)/float64(b.N), "dropped/op")
}

func BenchmarkAppendParallel(b *testing.B) {
	s := open(b, Config{})
	running(b, s)
	st := s.Stream(key)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		e := benchLine(1)
		for pb.Next() {
			st.Append(e)
		}
	})
}

// BenchmarkFlushFunctions writes one line of each of many functions: fewer and
// more than files are kept open.
func BenchmarkFlushFunctions(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := open(b, Config{})
			streams := make([]*Stream, n)
			e := benchLine(1)
			for i := range streams {
				streams[i] = s.Stream(ebb.FunctionKey{Service: ebb.DefaultService, Name: fmt.Sprintf("f%d", i)})
				streams[i].Append(e)
			}
			s.flushDirty() // makes the folders, which is dearer
			for b.Loop() {
				for _, st := range streams {
					st.Append(e)
				}
				s.flushDirty()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/function")
		})
	}
}

// BenchmarkOpen opens the logs of a thousand functions.
func BenchmarkOpen(b *testing.B) {
	s := open(b, Config{})
	for i := range 1000 {
		s.Stream(ebb.FunctionKey{Service: ebb.DefaultService, Name: fmt.Sprintf("f%d", i)}).Append(benchLine(i))
	}
	s.flushDirty()
	b.ReportAllocs()
	for b.Loop() {
		open(b, s.cfg)
	}
}

// BenchmarkWrite measures lines that reach the disk: appended, flushed, sealed.
func BenchmarkWrite(b *testing.B) {
	s := open(b, Config{})
	st := s.Stream(key)
	var lines [1000]Entry
	for i := range lines {
		lines[i] = benchLine(i)
	}
	start := s.Stats().Bytes
	b.ReportAllocs()
	for b.Loop() {
		for i := range lines {
			st.Append(lines[i])
		}
		s.flushDirty()
		s.sealAll(b.Context())
	}
	if s.Stats().Dropped > 0 {
		b.Fatal("lines were dropped")
	}
	b.SetBytes((s.Stats().Bytes - start) / int64(b.N))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(lines)), "ns/line")
}

func BenchmarkQuery(b *testing.B) {
	const n = 100_000
	s := open(b, Config{})
	for i := range n {
		s.Stream(key).Append(benchLine(i))
		if i%1000 == 0 {
			s.flushDirty()
		}
	}
	request := benchLine(50_000).Request
	run := func(name string, q Query, want int) {
		q.FunctionKey = key
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				got := 0
				if err := s.Query(b.Context(), q, func(Entry) error { got++; return nil }); err != nil || got != want {
					b.Fatal(got, err)
				}
			}
		})
	}
	for _, state := range []string{"open", "sealed"} {
		run(state+"/all", Query{}, n)
		run(state+"/contains", Query{Contains: "order 77777 "}, 1)
		run(state+"/request", Query{Request: request}, 4)
		run(state+"/last100", Query{Limit: 100, Newest: true}, 100)
		run(state+"/first100", Query{Limit: 100}, 100)
		sealEverything(b, s)
		b.Logf("%d bytes on disk, %.1f a line", s.Stats().Disk, float64(s.Stats().Disk)/n)
	}
}
