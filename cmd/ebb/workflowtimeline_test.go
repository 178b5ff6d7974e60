package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	client "github.com/ebb-faas/ebb/sdk/go"
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// history writes events as ID<-PREVIOUS TYPE [NAME] [ERROR], one a second.
func history(t *testing.T, lines string) (events []client.WorkflowEvent) {
	t.Helper()
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		words := strings.Fields(line)
		e := client.WorkflowEvent{ID: int64(len(events) + 1), Type: words[1], Time: began.Add(time.Duration(len(events)) * time.Second)}
		for _, c := range words[0] {
			e.Previous = e.Previous*10 + int64(c-'0')
		}
		for _, w := range words[2:] {
			if n, ok := strings.CutPrefix(w, "!"); ok {
				e.Error = n
			} else if strings.HasPrefix(w, "#") {
				e.Length = int64(w[1] - '0')
			} else {
				e.Name = w
			}
		}
		events = append(events, e)
	}
	return events
}

func told(tl *timeline) string {
	var all []string
	for _, v := range tl.visits {
		text := v.Name + "=" + v.Status
		if v.Inside != "" {
			text = v.Inside + "/" + text
		}
		for _, d := range v.details() {
			text += " (" + d + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, "\n")
}

// TestTimeline: retries, catches, branches and iterations become visits.
func TestTimeline(t *testing.T) {
	for name, c := range map[string]struct{ events, want string }{
		"retry and catch": {`
0 ExecutionStarted
0 TaskStateEntered A
2 LambdaFunctionScheduled
3 LambdaFunctionFailed !Busy
4 LambdaFunctionScheduled
5 LambdaFunctionFailed !Broken
6 TaskStateExited A
7 TaskStateEntered B
8 TaskScheduled
9 TaskSucceeded
10 TaskStateExited B
11 ExecutionSucceeded`, "A=caught (2 attempts) (Broken)\nB=succeeded"},
		"map": {`
0 ExecutionStarted
0 MapStateEntered M
2 MapStateStarted #3
3 MapIterationStarted M
4 TaskStateEntered I
3 MapIterationStarted M
6 TaskStateEntered I
5 TaskStateExited I
8 MapIterationSucceeded M
7 TaskFailed !Oops
10 MapIterationFailed M
11 MapStateFailed !Oops
12 MapStateExited M
13 PassStateEntered P
14 PassStateExited P`, "M=caught (2/3, 1 failed) (Oops)\nM/I=succeeded\nM/I=failed (Oops)\nP=succeeded"},
		"parallel that is given up": {`
0 ExecutionStarted
0 ParallelStateEntered P
2 ParallelStateStarted
3 WaitStateEntered W
3 TaskStateEntered F
5 TaskScheduled
6 TaskFailed !Bad
7 ParallelStateFailed !Bad
8 ExecutionFailed !Bad`, "P=failed (Bad)\nP/W=aborted\nP/F=failed (Bad)"},
		"redriven": {`
0 ExecutionStarted
0 TaskStateEntered A
2 TaskScheduled
3 TaskFailed !Bad
4 ExecutionFailed !Bad
5 ExecutionRedriven
4 TaskScheduled
7 TaskSucceeded
8 TaskStateExited A
9 ExecutionSucceeded`, "A=succeeded (2 attempts)"},
		"fail state": {`
0 ExecutionStarted
0 FailStateEntered F
2 ExecutionFailed !Nobody`, "F=failed (Nobody)"},
		"running": {`
0 ExecutionStarted
0 MapStateEntered M
2 MapStateStarted #5
3 MapIterationStarted M
4 WaitStateEntered I`, "M=running (0/5, 1 running)\nM/I=running"},
	} {
		t.Run(name, func(t *testing.T) {
			whole := newTimeline()
			whole.add(history(t, c.events))
			if got := told(whole); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			// In pieces it comes to the same.
			pieces := newTimeline()
			for _, e := range history(t, c.events) {
				pieces.add([]client.WorkflowEvent{e})
			}
			if got := told(pieces); got != c.want || pieces.ended != whole.ended {
				t.Errorf("in pieces: got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestStage: states that were passed stay, those that run are drawn again on a
// terminal; off one they are told of when they take their time.
func TestStage(t *testing.T) {
	events := history(t, `
0 ExecutionStarted
0 TaskStateEntered A
2 TaskStateExited A
3 TaskStateEntered B`)
	now := began.Add(time.Minute)
	var out bytes.Buffer
	s := &stage{w: &out, tell: map[*visit]time.Time{}, now: func() time.Time { return now }}
	tl := newTimeline()
	s.show(tl, tl.add(events))
	s.show(tl, nil)
	if got := out.String(); strings.Count(got, "✓ A") != 1 || strings.Count(got, "· B") != 1 || strings.Contains(got, "\x1b") {
		t.Errorf("%q", got)
	}
	out.Reset()
	s = &stage{w: &out, live: true, columns: 80, colour: true, tell: map[*visit]time.Time{}, now: s.now}
	tl = newTimeline()
	s.show(tl, tl.add(events))
	s.show(tl, nil)
	got := out.String()
	if strings.Count(got, "A  ") != 1 || strings.Count(got, " B  ") != 2 || strings.Count(got, "\x1b[1A\x1b[J") != 1 || !strings.Contains(got, "\x1b[32m✓") {
		t.Errorf("%q", got)
	}
}

func TestCutLine(t *testing.T) {
	if got := cutLine("\x1b[32m✓\x1b[0m abcdef", 5); got != "\x1b[32m✓\x1b[0m ab\x1b[0m" {
		t.Errorf("%q", got)
	}
	if got := cutLine("short", 80); got != "short" {
		t.Errorf("%q", got)
	}
}

// TestWaitingTasks: only tasks that wait are found, with the token that was handed
// over.
func TestWaitingTasks(t *testing.T) {
	events := history(t, `
0 ExecutionStarted
0 TaskStateEntered A
2 TaskScheduled
3 TaskSubmitted`)
	const token = "eyJlIjoiYXJuOmF3czpzdGF0ZXM6dXMtZWFzdC0xOjAwMDAwMDAwMDAwMDpleGVjdXRpb246aGVsbG86YXNraW5nIiwibyI6MywicyI6InkxUlQ4VlEyaVRoM0wwSVJ6akVRcTYyZGRCT1ZBSmxGS0NaUzJ5QWFiVHc9In0="
	events[2].Parameters = `{"Payload": [{"deep": "` + token + `"}]}`
	if all := waitingTasks(events); len(all) != 1 || all[0] != (waitingTask{"A", token}) {
		t.Errorf("%+v", all)
	}
	events = append(events, client.WorkflowEvent{ID: 5, Previous: 4, Type: "TaskSucceeded"})
	if all := waitingTasks(events); len(all) != 0 {
		t.Errorf("an answered task waits: %+v", all)
	}
}

func TestInvocationPrefix(t *testing.T) {
	a, b := ebb.InvocationPrefix("arn:a"), ebb.InvocationPrefix("arn:b")
	if len(a) != 18 || a == b || a[14] != '8' || a != ebb.InvocationPrefix("arn:a") {
		t.Errorf("%s %s", a, b)
	}
}

func TestFunctionsIn(t *testing.T) {
	got := functionsIn(`{"States": {"A": {"Resource": "arn:aws:lambda:us-east-1:000000000000:function:one"},
		"B": {"Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "two:live"}},
		"C": {"Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "{% $x %}"}}}}`)
	if len(got) != 2 || !strings.Contains(strings.Join(got, " "), "one") || !strings.Contains(strings.Join(got, " "), "two") {
		t.Errorf("%v", got)
	}
}
