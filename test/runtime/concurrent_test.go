package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
)

// eachKind runs test for one function of each kind of handler.
func eachKind(t *testing.T, names func(*family) []string, places int, test func(t *testing.T, in *instance)) {
	eachFramed(t, func(t *testing.T, st start) {
		for _, name := range names(st.family) {
			t.Run(name, func(t *testing.T) {
				st.handler, st.places = fmt.Sprintf(st.family.Handler, name), places
				test(t, up(t, st))
			})
		}
	})
}

// TestConcurrent: as many as the instance has places for are in flight at once,
// each with its own id, time and lines; and then again.
func TestConcurrent(t *testing.T) {
	const places = 8
	eachKind(t, func(f *family) []string { return f.Meets }, places, func(t *testing.T, in *instance) {
		for round := range 2 {
			var all sync.WaitGroup
			for i := range places {
				all.Go(func() {
					id := fmt.Sprintf("id-%d-%d", round, i)
					a, err := in.try(runtimeapi.Call{ID: ebb.InvocationID(id), Payload: fmt.Append(nil, places*(round+1)),
						Deadline: time.Now().Add(time.Duration(20+i) * time.Second)})
					if err != nil {
						t.Error(err)
						return
					}
					doc, _ := decode(t, a.body).(map[string]any)
					left, _ := doc["remaining"].(float64)
					if doc["id"] != id || left < 1000 || left > float64(20+i)*1000 {
						t.Errorf("%s: %s", id, a.body)
					}
				})
			}
			all.Wait()
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		lines := make(map[ebb.InvocationID][]string)
		for _, e := range in.framed {
			lines[e.request] = append(lines[e.request], e.text)
		}
		for round := range 2 {
			for i := range places {
				id := fmt.Sprintf("id-%d-%d", round, i)
				got := lines[ebb.InvocationID(id)]
				if len(got) != 3 || got[0] != id+" has come" || !strings.Contains(got[1], "of "+id) || got[2] != id+" leaves" {
					t.Errorf("%s: %q", id, got)
				}
			}
		}
	})
}

// TestConcurrentTimeout: one that runs out of time, and one that fails, leave
// the others alone.
func TestConcurrentTimeout(t *testing.T) {
	eachKind(t, func(f *family) []string { return f.Perhaps }, 4, func(t *testing.T, in *instance) {
		if a := in.invoke("fails", `"fail"`); a.ErrorType != "CustomError" || a.Ending {
			t.Errorf("%+v", a.Outcome)
		}
		late := make(chan error, 1)
		go func() {
			_, err := in.try(runtimeapi.Call{ID: "sleeps", Payload: []byte(`"sleep"`), Deadline: time.Now().Add(time.Second)})
			late <- err
		}()
		for i := range 50 {
			a, err := in.try(runtimeapi.Call{ID: "quick", Payload: fmt.Appendf(nil, `"%d"`, i)})
			if i > 0 && errors.Is(err, runtimeapi.ErrNotDelivered) {
				break // the other's time is over already
			}
			if err != nil || string(a.body) != fmt.Sprintf(`"%d"`, i) {
				t.Fatalf("%s, %v", a.body, err)
			}
		}
		if err := <-late; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("sleeps: %v", err)
		}
		if _, err := in.try(runtimeapi.Call{ID: "new", Payload: []byte(`1`)}); !errors.Is(err, runtimeapi.ErrNotDelivered) {
			t.Errorf("new: %v", err)
		}
	})
}

// TestConcurrentExit: the end of the process is the end of all in flight, and
// its status is what the function said.
func TestConcurrentExit(t *testing.T) {
	eachKind(t, func(f *family) []string { return f.Perhaps }, 4, func(t *testing.T, in *instance) {
		in.invoke("first", `"x"`)
		ends := make(chan error, 2)
		for _, what := range []string{"sleep", "exit"} {
			go func() {
				_, err := in.try(runtimeapi.Call{ID: ebb.InvocationID(what), Payload: fmt.Appendf(nil, "%q", what)})
				ends <- err
			}()
		}
		for range 2 {
			if err := <-ends; !errors.Is(err, io.EOF) && !errors.Is(err, runtimeapi.ErrNotDelivered) {
				t.Errorf("%v", err)
			}
		}
		<-in.box.Done()
		if exit := in.box.Exit(); exit.Code != 1 {
			t.Errorf("exit %+v", exit)
		}
	})
}

// TestConcurrentEnds: with threads and loops too, a process ends when asked to,
// and runs its hooks before.
func TestConcurrentEnds(t *testing.T) {
	eachKind(t, func(f *family) []string { return f.Perhaps }, 4, func(t *testing.T, in *instance) {
		in.invoke("first", `"x"`)
		for _, h := range ebb.Hooks() {
			if failure, err := in.session.Hook(t.Context(), h); failure != nil || err != nil {
				t.Errorf("%s: %+v, %v", h, failure, err)
			}
		}
		in.box.Stop(10 * time.Second)
		<-in.box.Done()
		if exit := in.box.Exit(); exit.Signal == "killed" {
			t.Errorf("exit %+v", exit)
		}
	})
}

// TestConcurrentStreams: a caller who takes a streamed answer slowly holds up
// nobody else, and gets it whole.
func TestConcurrentStreams(t *testing.T) {
	eachFramed(t, func(t *testing.T, st start) {
		if slices.Contains(st.family.Without, "stream") {
			t.Skip("the language has no streamed answers")
		}
		st.handler, st.places = fmt.Sprintf(st.family.Handler, "stream_much"), 4
		in := up(t, st)
		slow := &slowSink{begun: make(chan struct{}), proceed: make(chan struct{})}
		done := make(chan error, 1)
		go func() {
			_, err := in.session.Invoke(context.Background(), &runtimeapi.Call{ID: "slow", ARN: arn, Payload: []byte(`50`)}, slow)
			done <- err
		}()
		<-slow.begun
		if a := in.invoke("quick", `20`); len(a.body) != 2000000 {
			t.Errorf("%d bytes", len(a.body))
		}
		close(slow.proceed)
		if err := <-done; err != nil || len(slow.body) != 5000000 {
			t.Errorf("%d bytes, %v", len(slow.body), err)
		}
		for i := range 50 {
			if b := slow.body[i*100000]; b != byte('0'+i%10) {
				t.Fatalf("piece %d is %q", i, b)
			}
		}
	})
}

// TestUncaughtAmongSeveral: an error that nobody caught fails all in flight, in
// words, because nobody knows whose it was.
func TestUncaughtAmongSeveral(t *testing.T) {
	eachFramed(t, func(t *testing.T, st start) {
		if st.runtime.Family != "nodejs" {
			t.Skip("only an event loop has such errors")
		}
		st.handler, st.places = "behaviour.perhaps", 4
		in := up(t, st)
		answers := make(chan *answer, 2)
		for _, what := range []string{"sleep", "uncaught"} {
			go func() {
				a, err := in.try(runtimeapi.Call{ID: ebb.InvocationID(what), Payload: fmt.Appendf(nil, "%q", what)})
				if err != nil {
					t.Errorf("%s: %v", what, err)
				}
				answers <- a
			}()
			if what == "sleep" { // which the other must not overtake
				in.lines("sleep", 1)
			}
		}
		for range 2 {
			if a := <-answers; a.ErrorType != "CustomError" || !a.Ending {
				t.Errorf("%+v", a.Outcome)
			}
		}
		<-in.box.Done()
	})
}

// slowSink takes nothing until it is told to.
type slowSink struct {
	answer
	once           sync.Once
	begun, proceed chan struct{}
}

func (s *slowSink) Write(b []byte) (int, error) {
	s.once.Do(func() { close(s.begun) })
	<-s.proceed
	return s.answer.Write(b)
}
