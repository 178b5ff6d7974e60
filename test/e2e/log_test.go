package e2e

import (
	"bufio"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ebb-faas/ebb/test/platform"
)

// line is one of "ebb logs -o json".
type line struct {
	Time                       time.Time
	Kind, Level, Request, Text string
	Version, Instance          string
}

// read runs "ebb logs NAME -o json" with further flags.
func read(t *testing.T, p *platform.Platform, args ...string) []line {
	t.Helper()
	out, errs, code, err := p.CLI(t.Context(), append([]string{"logs", "-o", "json"}, args...)...)
	if err != nil || code != 0 {
		t.Fatalf("ebb logs: exit %d, %v: %s", code, err, errs)
	}
	var lines []line
	for text := range strings.Lines(out) {
		lines = append(lines, decode[line](t, text))
	}
	return lines
}

func texts(lines []line) []string {
	var all []string
	for _, l := range lines {
		all = append(all, l.Text)
	}
	return all
}

// invokeID runs a function and returns its request id.
func invokeID(t *testing.T, p *platform.Platform, function, payload string) string {
	t.Helper()
	out, err := p.Lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, Payload: []byte(payload)})
	if err != nil {
		t.Fatal(err)
	}
	id, ok := middleware.GetRequestIDMetadata(out.ResultMetadata)
	if !ok {
		t.Fatal("no request id")
	}
	return id
}

const talkative = `
import sys
print("at import")
def handler(event, context):
    print("first line\nsecond line")
    print("日本語 – ß – 🎉", event.get("n"))
    sys.stderr.write("no newline at the end")
    if event.get("fail"):
        raise ValueError("on purpose")
    return "done"
`

var reportLine = regexp.MustCompile(`^REPORT RequestId: ([0-9a-f-]{36})\tDuration: [0-9.]+ ms\tBilled Duration: [0-9]+ ms\tMemory Size: 128 MB\tMax Memory Used: [0-9]+ MB\t(.*)$`)

func TestLogs(t *testing.T) {
	t.Parallel()
	f := deploy(t, python(talkative))
	first := invokeID(t, shared, f, `{"n":1}`)
	middle := time.Now()
	second := invokeID(t, shared, f, `{"n":2,"fail":true}`)

	all := read(t, shared, f)
	for i := 1; i < len(all); i++ {
		if all[i].Time.Before(all[i-1].Time) {
			t.Errorf("line %d is older than the one before", i)
		}
	}
	one := read(t, shared, f, "--request", first)
	want := []string{"START RequestId: " + first + " Version: $LATEST", "first line", "second line", "日本語 – ß – 🎉 1",
		"no newline at the end", "END RequestId: " + first}
	got := texts(one)
	if len(got) != len(want)+1 || !slices.Equal(got[:len(want)], want) {
		t.Fatalf("of one request: %q", got)
	}
	report := reportLine.FindStringSubmatch(got[len(want)])
	if report == nil || report[1] != first {
		t.Fatalf("%q", got[len(want)])
	}
	for _, phase := range []string{"Init Duration: ", "Queue: ", "Box: ", "Specialise: "} {
		if !strings.Contains(report[2], phase) {
			t.Errorf("the report of a cold start lacks %q: %q", phase, report[2])
		}
	}
	for _, l := range one {
		if l.Request != first || l.Version != "$LATEST" || l.Instance == "" || (l.Kind == "platform") != strings.Contains(l.Text, "RequestId: ") {
			t.Errorf("%+v", l)
		}
	}
	two := read(t, shared, f, "--request", second)
	joined := strings.Join(texts(two), "\n")
	if !strings.Contains(joined, "ValueError: on purpose") || !strings.Contains(joined, "Traceback") || !strings.Contains(joined, "Status: error\tError Type: ValueError") {
		t.Errorf("of the failed one:\n%s", joined)
	}
	if warm := two[len(two)-1].Text; strings.Contains(warm, "Init Duration") {
		t.Errorf("a warm start reports %q", warm)
	}
	if !slices.ContainsFunc(all, func(l line) bool { return l.Text == "at import" && l.Request == "" }) {
		t.Error("what is printed at import is missing")
	}
	later := read(t, shared, f, "--since", middle.Format(time.RFC3339Nano))
	if len(later) == 0 || !slices.Equal(texts(later), texts(two)) {
		t.Errorf("since: %q", texts(later))
	}
	if found := read(t, shared, f, "--grep", "日本語"); len(found) != 2 {
		t.Errorf("grep: %q", texts(found))
	}
	if newest := read(t, shared, f, "-n", "1"); len(newest) != 1 || newest[0].Text != all[len(all)-1].Text {
		t.Errorf("newest: %q", texts(newest))
	}
	if none := read(t, shared, f, "--until", "1h"); len(none) != 0 {
		t.Errorf("older than an hour: %q", texts(none))
	}
}

func TestLogsFollow(t *testing.T) {
	t.Parallel()
	f := deploy(t, python("def handler(event, context):\n    print('number', event['n'])\n"))
	invoke(t, shared, f, `{"n":0}`)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd, err := shared.Command(ctx, "logs", f, "-f", "--since", "1h", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := range 4 {
		for lines.Scan() {
			if decode[line](t, lines.Text()).Text == fmt.Sprint("number ", n) {
				break
			}
		}
		if ctx.Err() != nil {
			t.Fatalf("line %d did not come", n)
		}
		invoke(t, shared, f, fmt.Sprintf(`{"n":%d}`, n+1))
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // the pipe must be read to its end before Wait
		continue
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("interrupted: %v", err)
	}
}

// TestLogsStay: the log outlives its instance, the server, and a kill.
func TestLogsStay(t *testing.T) {
	t.Parallel()
	dir := place(t)
	p := start(t, dir)
	f := python(talkative)
	f.Name = "f"
	if err := p.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	invokeID(t, p, "f", `{"n":1}`)
	before := texts(read(t, p, "f"))
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	p = start(t, dir)
	if got := texts(read(t, p, "f")); !slices.Equal(got, before) {
		t.Errorf("after a restart:\n%q, was\n%q", got, before)
	}
	invokeID(t, p, "f", `{"n":2}`)
	// Lines reach the disk within the flush interval; a file that holds them
	// cannot be told apart from outside, so the kill may take the last ones.
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	p = start(t, dir)
	if got := texts(read(t, p, "f")); len(got) < len(before) || !slices.Equal(got[:len(before)], before) {
		t.Errorf("after a kill:\n%q, was\n%q", got, before)
	}
}

// TestLogsOfNobody: the exit code says that it is the caller's mistake.
func TestLogsOfNobody(t *testing.T) {
	t.Parallel()
	_, errs, code, err := shared.CLI(t.Context(), "logs", "nobody")
	if err != nil || code != 2 || !strings.Contains(errs, "ResourceNotFoundException") {
		t.Errorf("exit %d, %v: %s", code, err, errs)
	}
}
