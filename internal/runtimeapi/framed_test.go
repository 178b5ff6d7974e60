package runtimeapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// ready starts a session with a peer behind it and brings it up.
func ready(t *testing.T, opt Options, handle func(frame) ([]frame, bool)) *Framed {
	t.Helper()
	ours, theirs := socketPair(t)
	wait := theirs.run(handle)
	s := NewFramed(ours, opt)
	t.Cleanup(func() { _ = s.Close(); wait() })
	failure, err := s.Ready(t.Context(), Init{Handler: "a.b", ARN: "arn:x"})
	if err != nil || failure != nil {
		t.Fatalf("Ready: %v, %v", failure, err)
	}
	return s
}

func TestFramedInit(t *testing.T) {
	ours, theirs := socketPair(t)
	var got initFrame
	wait := theirs.run(func(f frame) ([]frame, bool) {
		if f.typ != frameInit {
			return nil, false
		}
		if err := json.Unmarshal(f.payload, &got); err != nil {
			t.Error(err)
		}
		return []frame{{typ: frameLog, head: "INFO", payload: []byte("importing")}, {typ: frameReady, payload: []byte("{}")}}, true
	})
	var log lines
	s := NewFramed(ours, Options{MaxResponse: 10, Log: log.log})
	if _, err := s.Invoke(t.Context(), &Call{}, &catch{}); !errors.Is(err, ErrNotDelivered) {
		t.Errorf("Invoke before Ready: %v", err)
	}
	in := Init{Handler: "m.f", TaskRoot: "/var/task", ARN: "arn:1", Env: map[string]string{"A": "b"}, Tenant: "blue"}
	if f, err := s.Ready(t.Context(), in); f != nil || err != nil {
		t.Fatalf("Ready: %v, %v", f, err)
	}
	if _, err := s.Ready(t.Context(), in); err == nil {
		t.Error("a second Ready did not fail")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wait()
	want := initFrame{Handler: "m.f", TaskRoot: "/var/task", ARN: "arn:1", Env: map[string]string{"A": "b"}, Tenant: "blue", MaxResponse: 10, MaxStream: DefaultMaxStream}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if log.String() != "|INFO|importing" {
		t.Errorf("log %q", log.String())
	}
}

func TestFramedInitFails(t *testing.T) {
	ours, theirs := socketPair(t)
	wait := theirs.run(func(frame) ([]frame, bool) {
		return []frame{{typ: frameError, flags: flagExit, head: "Runtime.ImportModuleError", payload: []byte(`{"errorType":"x"}`)}}, false
	})
	defer wait()
	s := NewFramed(ours, Options{})
	f, err := s.Ready(t.Context(), Init{})
	if err != nil || f == nil || f.ErrorType != "Runtime.ImportModuleError" || string(f.Document) != `{"errorType":"x"}` {
		t.Fatalf("Ready: %+v, %v", f, err)
	}
	if _, err := s.Invoke(t.Context(), &Call{}, &catch{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Invoke after a failed init: %v", err)
	}
	_ = s.Close()
}

func TestFramedReadyEnds(t *testing.T) {
	t.Run("process dies", func(t *testing.T) {
		ours, theirs := socketPair(t)
		_ = theirs.Close()
		s := NewFramed(ours, Options{})
		defer s.Close()
		if _, err := s.Ready(t.Context(), Init{}); err == nil {
			t.Error("no error")
		}
	})
	t.Run("context", func(t *testing.T) {
		ours, _ := socketPair(t)
		s := NewFramed(ours, Options{})
		defer s.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		if _, err := s.Ready(ctx, Init{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestFramedPing(t *testing.T) {
	ours, theirs := socketPair(t)
	defer theirs.run(usual(echo))()
	s := NewFramed(ours, Options{})
	defer s.Close()
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ready(t.Context(), Init{}); err != nil {
		t.Fatal(err)
	}
}

func TestFramedInvoke(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	const id = "8a2f"
	tests := map[string]struct {
		opt    Options
		call   Call
		answer []frame // stream 0 here means the invocation's own
		heads  []ebb.Head
		body   string
		want   Outcome
		log    string
	}{
		"echo": {
			answer: []frame{{typ: frameResponse, payload: []byte(`{"a":1}`)}},
			heads:  []ebb.Head{{}}, body: `{"a":1}`, want: Outcome{Size: 7, Answered: true},
		},
		"empty": {
			answer: []frame{{typ: frameResponse}},
			heads:  []ebb.Head{{}}, want: Outcome{Answered: true},
		},
		"content type": {
			answer: []frame{{typ: frameResponse, head: "text/plain", payload: []byte("x")}},
			heads:  []ebb.Head{{ContentType: "text/plain"}}, body: "x", want: Outcome{Size: 1, Answered: true},
		},
		"large both ways": {
			call:   Call{Payload: big},
			answer: []frame{{typ: frameResponse, payload: big}},
			heads:  []ebb.Head{{}}, body: string(big), want: Outcome{Size: int64(len(big)), Answered: true},
		},
		"lines before and after": {
			answer: []frame{
				{typ: frameLog, payload: []byte("one")}, {typ: frameLog, head: "WARN", payload: []byte("two")},
				{typ: frameResponse, payload: []byte("1")}, {typ: frameLog, head: "AUDIT", payload: []byte("three")},
			},
			heads: []ebb.Head{{}}, body: "1", want: Outcome{Size: 1, Answered: true},
			log: id + "||one\n" + id + "|WARN|two\n" + id + "|AUDIT|three",
		},
		"a long line": {
			answer: []frame{{typ: frameLog, payload: big[:300_000]}, {typ: frameResponse}},
			heads:  []ebb.Head{{}}, want: Outcome{Answered: true}, log: id + "||" + string(big[:300_000]),
		},
		"error": {
			answer: []frame{{typ: frameError, head: "KeyError", payload: []byte(`{}`)}},
			heads:  []ebb.Head{{FunctionError: "Unhandled"}}, body: "{}",
			want: Outcome{FunctionError: "Unhandled", ErrorType: "KeyError", Size: 2, Answered: true},
		},
		"error and exit": {
			answer: []frame{{typ: frameError, flags: flagExit, head: "E", payload: []byte(`{}`)}},
			heads:  []ebb.Head{{FunctionError: "Unhandled"}}, body: "{}",
			want: Outcome{FunctionError: "Unhandled", ErrorType: "E", Size: 2, Answered: true, Ending: true},
		},
		"too large": {
			opt:    Options{MaxResponse: 100_000},
			answer: []frame{{typ: frameResponse, payload: big[:100_001]}},
			heads:  []ebb.Head{{FunctionError: "Unhandled"}},
			body:   `{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (100000 bytes)."}`,
			want:   Outcome{FunctionError: "Unhandled", ErrorType: "Function.ResponseSizeTooLarge", Size: 100_001, Answered: true},
		},
		"stream": {
			answer: []frame{
				{typ: frameChunk, head: "text/html", payload: []byte("ab")}, {typ: frameLog, payload: []byte("l")},
				{typ: frameChunk}, {typ: frameChunk, payload: []byte("cd")}, {typ: frameEnd},
			},
			heads: []ebb.Head{{ContentType: "text/html", Streaming: true}}, body: "abcd",
			want: Outcome{Size: 4, Answered: true}, log: id + "||l",
		},
		"stream fails late": {
			answer: []frame{{typ: frameChunk, payload: []byte("ab")}, {typ: frameError, head: "E", payload: []byte(`{"x":1}`)}},
			heads:  []ebb.Head{{Streaming: true}}, body: "ab",
			want: Outcome{Size: 2, Answered: true, FunctionError: "Unhandled", ErrorType: "E", LateError: []byte(`{"x":1}`)},
		},
		"stream too long": {
			opt: Options{MaxStream: 3},
			answer: []frame{{typ: frameChunk, payload: []byte("ab")}, {typ: frameChunk, payload: []byte("cd")},
				{typ: frameChunk, payload: []byte("ef")}, {typ: frameEnd}},
			heads: []ebb.Head{{Streaming: true}}, body: "ab",
			want: Outcome{Size: 6, Answered: true, FunctionError: "Unhandled", ErrorType: "Function.ResponseSizeTooLarge", LateError: sizeDocument(3)},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var log lines
			tt.opt.Log = log.log
			s := ready(t, tt.opt, usual(func(f frame) []frame {
				var out []frame
				for _, a := range tt.answer {
					a.stream = f.stream
					out = append(out, a)
				}
				return out
			}))
			// Twice: the session must be as good as new after each.
			for range 2 {
				log.all = nil
				var sink catch
				tt.call.ID = id
				got, err := s.Invoke(t.Context(), &tt.call, &sink)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(tt.want, got); d != "" {
					t.Error(d)
				}
				if d := cmp.Diff(tt.heads, sink.heads); d != "" {
					t.Error(d)
				}
				if string(sink.body) != tt.body {
					t.Errorf("body of %d bytes %.200q", len(sink.body), sink.body)
				}
				if log.String() != tt.log {
					t.Errorf("log %.200q", log.String())
				}
			}
		})
	}
}

func TestFramedHead(t *testing.T) {
	var got []frame
	s := ready(t, Options{}, usual(func(f frame) []frame { got = append(got, f); return echo(f) }))
	deadline := time.Now().Add(time.Hour)
	calls := []Call{
		{ID: "1", ARN: "arn:x", Payload: []byte("p")},
		{ID: "2", ARN: "arn:y", TraceID: "Root=1", ClientContext: []byte("{\n}"), Deadline: deadline},
		{ID: "3", TraceID: "a\nb"},
	}
	for i := range calls {
		if _, err := s.Invoke(t.Context(), &calls[i], &catch{}); err != nil {
			t.Fatal(err)
		}
	}
	_ = s.Close()
	want := []string{"1\n\n\n\n", "2\nD\narn:y\nRoot=1\n{\n}", "3\n\n\n\n"}
	for i, f := range got {
		head := strings.Replace(f.head, jsonInt(deadline.UnixMilli()), "D", 1)
		if head != want[i] || f.stream != uint32(i+1) {
			t.Errorf("call %d: stream %d, head %q", i, f.stream, head)
		}
	}
}

func jsonInt(n int64) string { b, _ := json.Marshal(n); return string(b) }

func TestFramedBroken(t *testing.T) {
	own := func(fs ...frame) func(frame) ([]frame, bool) {
		return usual(func(f frame) []frame {
			for i := range fs {
				fs[i].stream += f.stream
			}
			return fs
		})
	}
	tests := map[string]struct {
		peer     func(frame) ([]frame, bool)
		is       error
		answered bool
	}{
		"dies": {peer: func(f frame) ([]frame, bool) {
			return []frame{{typ: frameReady}}, f.typ == frameInit
		}, is: ErrProtocol}, // a ready frame out of turn; see "dies silently"
		"dies silently": {peer: func(f frame) ([]frame, bool) {
			if f.typ == frameInit {
				return []frame{{typ: frameReady}}, true
			}
			return nil, false
		}, is: io.EOF},
		"other stream":         {peer: own(frame{typ: frameResponse, stream: 7}), is: ErrProtocol},
		"unknown type":         {peer: own(frame{typ: 99}), is: ErrProtocol},
		"type zero":            {peer: own(frame{}), is: ErrProtocol},
		"sends as ebb":         {peer: own(frame{typ: frameInvoke}), is: ErrProtocol},
		"end without chunk":    {peer: own(frame{typ: frameEnd}), is: ErrProtocol},
		"end with a body":      {peer: own(frame{typ: frameChunk}, frame{typ: frameEnd, payload: []byte("x")}), is: ErrProtocol, answered: true},
		"response after chunk": {peer: own(frame{typ: frameChunk}, frame{typ: frameResponse}), is: ErrProtocol, answered: true},
		"huge line":            {peer: own(frame{typ: frameLog, payload: make([]byte, maxLog+1)}), is: ErrProtocol},
		"huge head":            {peer: own(frame{typ: frameLog, head: strings.Repeat("x", maxPeer+1)}), is: ErrProtocol},
		"huge late error":      {peer: own(frame{typ: frameChunk}, frame{typ: frameError, payload: make([]byte, maxFailure+1)}), is: ErrProtocol, answered: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := ready(t, Options{}, tt.peer)
			out, err := s.Invoke(t.Context(), &Call{ID: "1"}, &catch{})
			if !errors.Is(err, tt.is) || errors.Is(err, ErrNotDelivered) || out.Answered != tt.answered {
				t.Errorf("Invoke: %+v, %v", out, err)
			}
			if _, err := s.Invoke(t.Context(), &Call{ID: "2"}, &catch{}); !errors.Is(err, ErrNotDelivered) {
				t.Errorf("next Invoke: %v", err)
			}
		})
	}
}

func TestFramedBrokenAfterAnswer(t *testing.T) {
	s := ready(t, Options{}, usual(func(f frame) []frame { return append(echo(f), echo(f)...) }))
	var sink catch
	out, err := s.Invoke(t.Context(), &Call{ID: "1", Payload: []byte("x")}, &sink)
	if err != nil || !out.Ending || string(sink.body) != "x" || len(sink.heads) != 1 {
		t.Errorf("Invoke: %+v, %v, %+v", out, err, sink)
	}
}

func TestFramedCutHeader(t *testing.T) {
	ours, theirs := socketPair(t)
	s := NewFramed(ours, Options{})
	defer s.Close()
	if err := theirs.send(frame{typ: frameReady}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ready(t.Context(), Init{}); err != nil {
		t.Fatal(err)
	}
	// A header that promises more head than body.
	if _, err := theirs.Write([]byte{0, 0, 0, 1, byte(frameResponse), 0, 0, 2, 0, 0, 0, 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Invoke(t.Context(), &Call{}, &catch{}); !errors.Is(err, ErrProtocol) {
		t.Errorf("Invoke: %v", err)
	}
}

func TestFramedLateLines(t *testing.T) {
	var log lines
	s := ready(t, Options{Log: log.log}, usual(func(f frame) []frame {
		return []frame{
			{typ: frameLog, stream: 0, payload: []byte("nobody's")},
			{typ: frameLog, stream: f.stream - 1, payload: []byte("late")},
			{typ: frameLog, stream: f.stream + 5, payload: []byte("unknown")},
			{typ: frameResponse, stream: f.stream},
		}
	}))
	for _, id := range []ebb.InvocationID{"a", "b"} {
		if _, err := s.Invoke(t.Context(), &Call{ID: id}, &catch{}); err != nil {
			t.Fatal(err)
		}
	}
	want := "||nobody's\n||late\n||unknown\n||nobody's\na||late\n||unknown"
	if log.String() != want {
		t.Errorf("log %q", log.String())
	}
}

func TestFramedDeadline(t *testing.T) {
	silent := usual(func(frame) []frame { return nil })
	t.Run("of the call", func(t *testing.T) {
		s := ready(t, Options{}, silent)
		_, err := s.Invoke(t.Context(), &Call{Deadline: time.Now().Add(5 * time.Millisecond)}, &catch{})
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrNotDelivered) {
			t.Error(err)
		}
	})
	t.Run("without a cancellable context", func(t *testing.T) {
		s := ready(t, Options{}, silent)
		_, err := s.Invoke(context.Background(), &Call{Deadline: time.Now().Add(5 * time.Millisecond)}, &catch{})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	t.Run("of the context", func(t *testing.T) {
		s := ready(t, Options{}, silent)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Millisecond, cancel)
		_, err := s.Invoke(ctx, &Call{Deadline: time.Now().Add(time.Hour)}, &catch{})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Run("a full socket", func(t *testing.T) {
		ours, theirs := socketPair(t)
		s := NewFramed(ours, Options{})
		defer s.Close()
		if err := theirs.send(frame{typ: frameReady}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Ready(t.Context(), Init{}); err != nil {
			t.Fatal(err)
		}
		_, err := s.Invoke(t.Context(), &Call{Payload: make([]byte, 4<<20), Deadline: time.Now().Add(5 * time.Millisecond)}, &catch{})
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrNotDelivered) {
			t.Error(err)
		}
	})
}

// TestFramedLateCancel: a context that ends after its Invoke does not disturb
// the next one.
func TestFramedLateCancel(t *testing.T) {
	s := ready(t, Options{}, usual(echo))
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { cancel(); close(done) }()
		_, err := s.Invoke(ctx, &Call{ID: "1"}, &catch{})
		<-done
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			_ = s.Close()
			s = ready(t, Options{}, usual(echo))
			continue
		}
		if _, err := s.Invoke(t.Context(), &Call{ID: "2"}, &catch{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFramedOneAtATime(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := ready(t, Options{}, usual(func(f frame) []frame { close(entered); <-leave; return echo(f) }))
	first := make(chan error)
	go func() { _, err := s.Invoke(t.Context(), &Call{}, &catch{}); first <- err }()
	<-entered
	if _, err := s.Invoke(t.Context(), &Call{}, &catch{}); !errors.Is(err, ErrNotDelivered) {
		t.Errorf("second Invoke: %v", err)
	}
	close(leave)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestFramedSinkFails(t *testing.T) {
	s := ready(t, Options{}, usual(func(f frame) []frame {
		return []frame{{typ: frameChunk, stream: f.stream, payload: []byte("a")},
			{typ: frameChunk, stream: f.stream, payload: []byte("b")}, {typ: frameEnd, stream: f.stream}}
	}))
	out, err := s.Invoke(t.Context(), &Call{}, &catch{fail: errGone})
	if err != nil || out.Size != 2 || out.FunctionError != "" {
		t.Errorf("Invoke: %+v, %v", out, err)
	}
}

func TestFramedClose(t *testing.T) {
	t.Run("while invoking", func(t *testing.T) {
		entered := make(chan struct{})
		s := ready(t, Options{}, usual(func(frame) []frame { close(entered); return nil }))
		got := make(chan error)
		go func() { _, err := s.Invoke(t.Context(), &Call{}, &catch{}); got <- err }()
		<-entered
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-got; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
	t.Run("takes the last lines", func(t *testing.T) {
		var log lines
		stopped := false
		s := ready(t, Options{Log: log.log}, func(f frame) ([]frame, bool) {
			if f.typ == frameStop {
				stopped = true
				return []frame{{typ: frameLog, payload: []byte("bye")}}, false
			}
			return usual(echo)(f)
		})
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if !stopped || log.String() != "||bye" {
			t.Errorf("stopped %v, log %q", stopped, log.String())
		}
	})
}

// TestFramedAllocs keeps the promise of the hot path.
func TestFramedAllocs(t *testing.T) {
	ours, theirs := socketPair(t)
	defer theirs.echoLoop()()
	s := NewFramed(ours, Options{})
	defer s.Close()
	if _, err := s.Ready(t.Context(), Init{ARN: "arn"}); err != nil {
		t.Fatal(err)
	}
	call := &Call{ID: "8a2fd8c8-0000-4000-8000-000000000000", ARN: "arn", Payload: []byte(`{"name":"x"}`), Deadline: time.Now().Add(time.Hour)}
	var sink discard
	n := testing.AllocsPerRun(1000, func() {
		if _, err := s.Invoke(context.Background(), call, &sink); err != nil {
			t.Fatal(err)
		}
	})
	if n > 2 && !raceEnabled {
		t.Errorf("%v allocations an invocation, want at most 2", n)
	}
}
