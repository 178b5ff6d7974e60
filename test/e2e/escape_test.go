package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ebb-faas/ebb/test/platform"
)

// wantsOut is the function of somebody who wants out.
func wantsOut(t *testing.T) platform.Function {
	t.Helper()
	code, err := os.ReadFile("testdata/escape.py")
	if err != nil {
		t.Fatal(err)
	}
	f := python(string(code))
	f.MemoryMB, f.TimeoutS = 256, 30
	return f
}

// TestNeighbourIsOutOfReach: while one function holds a secret in its
// environment, files, memory and listeners, another one hunts for it.
func TestNeighbourIsOutOfReach(t *testing.T) {
	t.Parallel()
	requireLinux(t)
	const prefix = "e2e-neighbour-secret-"
	victim := wantsOut(t)
	victim.Name = name(t) + "-victim"
	victim.Env = map[string]string{"SECRET": prefix + "0815"}
	victim.Files["secret.txt"] = prefix + "of the package"
	deploy(t, victim)
	answer := make(chan string, 1)
	ctx := t.Context()
	go func() {
		got, failed, err := shared.Invoke(ctx, victim.Name, `{"do":"victim","seconds":6}`)
		answer <- fmt.Sprint(got, failed, err)
	}()
	eventually(t, func() error {
		list, err := shared.Instances(t.Context(), victim.Name)
		if err == nil && (len(list) != 1 || list[0].State != "busy") {
			err = fmt.Errorf("instances: %+v", list)
		}
		return err
	})
	attacker := wantsOut(t)
	attacker.Name = deploy(t, attacker)
	got := decode[struct {
		Found, Reached []string
		Processes      int
	}](t, invoke(t, shared, attacker.Name, `{"do":"hunt","prefix":"`+prefix+`"}`))
	if len(got.Found) > 0 || len(got.Reached) > 0 || got.Processes != 0 {
		t.Errorf("%+v", got)
	}
	if got := <-answer; got != `"undisturbed"<nil>` {
		t.Errorf("the victim answers %s", got)
	}
}

// TestEscapee: what the escapee of the sandbox's own tests tries (ptrace, mount,
// kexec, bpf, keyctl, userfaultfd, raw sockets, devices, setuid files, links, other
// processes) is refused to a function as well, and what it floods is bounded: each
// time it is answered, and another function too.
func TestEscapee(t *testing.T) {
	t.Parallel()
	requireLinux(t)
	f := wantsOut(t)
	f.Files["escapee"] = compiled(t, "./internal/sandbox/linux/escapee")
	f.Name = deploy(t, f)
	other := deploy(t, platform.Function{Name: name(t) + "-other", Runtime: "python3", Handler: "app.handler",
		Files: map[string]string{"app.py": "def handler(event, context):\n    return 'fine'\n"}})
	for _, c := range []struct {
		args    string
		attempt int // at least so many things were tried
		want    string
	}{
		{`"calls"`, 80, "userfaultfd: operation not permitted"},
		{`"sockets"`, 22, "raw: operation not permitted"},
		{`"privileges"`, 14, ""},
		{`"init"`, 25, ""},
		{`"devices"`, 15, ""},
		{`"files"`, 50, "write through a link: "},
		{`"elevated"`, 2, ""},
		{`"routes"`, 12, "raw: operation not permitted"},
		{`"dial","tcp","169.254.169.254:80","tcp","[fd00:ec2::254]:80","tcp","` + strings.TrimPrefix(shared.API, "http://") + `"`, 3, ""},
		{`"forks","5000"`, 1, "resource temporarily unavailable"},
		{`"zombies","5000"`, 1, "resource temporarily unavailable"},
		{`"descriptors","100000"`, 2, "too many open files"},
		{`"inodes","/tmp","2000000"`, 1, "no space left on device"},
		{`"connections","127.0.0.1:9002","3000"`, 1, ""},
	} {
		out, failed, err := shared.Invoke(t.Context(), f.Name, `{"do":"run","args":[`+c.args+`]}`)
		if err != nil || failed != "" {
			t.Errorf("%s: %s %s %v", c.args, failed, out, err)
			continue
		}
		said := decode[string](t, out)
		if strings.Count(said, "\n") < c.attempt || !strings.Contains(said, c.want) {
			t.Errorf("%s: %s", c.args, said)
		}
		for line := range strings.Lines(said) {
			// One takes a newer Landlock, one is the box's own: an interpreter may lie below it; and to want fewer
			// privileges is anybody's right.
			if strings.HasSuffix(line, ": ok\n") && !strings.HasPrefix(line, "ioctl of a device") && line != "above the root: ok\n" &&
				line != "no new privileges: ok\n" &&
				(line != "prlimit: ok\n" || platform.User() == 0) { // there, PID 1 may be the same user: it harms its own box

				t.Errorf("%s: %s", c.args, line)
			}
		}
		if _, failed, err := shared.Invoke(t.Context(), f.Name, `{"do":"die"}`); failed == "" || err != nil {
			t.Errorf("after %s the instance does not end: %s %v", c.args, failed, err)
		}
		if got := invoke(t, shared, other, `{}`); got != `"fine"` {
			t.Errorf("after %s another function answers %s", c.args, got)
		}
	}
}

// TestOrphan: whom a function leaves behind, forked twice and in a session of its
// own, is stopped with its instance's freezing at the latest, and ends with the instance.
func TestOrphan(t *testing.T) {
	t.Parallel()
	requireLinux(t)
	p := configured(t, "freezeAfter: 200ms, idleTimeout: 1h")
	f := wantsOut(t)
	f.Name = "f"
	must(t, p.Create(t.Context(), f))
	if got := invoke(t, p, "f", `{"do":"orphan"}`); got != `"answered"` {
		t.Errorf("got %s", got)
	}
	has(t, p, "f", "frozen")
	before, err := p.Instances(t.Context(), "f")
	if err != nil || len(before) != 1 {
		t.Fatal(before, err)
	}
	if got := invoke(t, p, "f", `{"do":"take","megabytes":1}`); got != "1" {
		t.Errorf("beside the orphan: %s", got)
	}
	_, err = p.Lambda().DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: &f.Name})
	must(t, err)
	has(t, p, "f") // and at the end of the platform, start sees that no process is left
}

// TestForgedCalls: on the endpoint in its own box, a function is somebody only
// with the keys it was given, and ebb's own API is not there at all.
func TestForgedCalls(t *testing.T) {
	t.Parallel()
	f := wantsOut(t)
	f.Name = deploy(t, f)
	got := decode[map[string]int](t, invoke(t, shared, f.Name, `{"do":"forge"}`))
	if len(got) < 9 {
		t.Errorf("only these were tried: %v", got)
	}
	for what, status := range got {
		if status < 400 || status > 499 {
			t.Errorf("%s: status %d", what, status)
		}
	}
}

// TestForgedAnswers: a runtime can answer the invocation it was handed, once, and
// no other.
func TestForgedAnswers(t *testing.T) {
	t.Parallel()
	f := platform.Function{Runtime: "provided", Handler: "x", TimeoutS: 30, Files: map[string]string{"bootstrap": compiled(t, "./test/e2e/testdata/forger")}}
	f.Name = deploy(t, f)
	for round := range 3 {
		got := decode[map[string]int](t, invoke(t, shared, f.Name, `{}`))
		if want := 6 + 3*min(round, 1); len(got) != want {
			t.Errorf("round %d: %d of %d were tried: %v", round, len(got), want, got)
		}
		for what, status := range got {
			if status < 400 || status > 499 {
				t.Errorf("round %d: %s: status %d", round, what, status)
			}
		}
	}
	list, err := shared.Instances(t.Context(), f.Name)
	if err != nil || len(list) != 1 || list[0].Invocations != 3 {
		t.Errorf("instances are %+v (%v)", list, err)
	}
}

// TestFramedSocketAbuse: whatever a function does to the socket that its runtime
// speaks on, it hurts its own instance only: the caller gets an answer, and the
// next one is served.
func TestFramedSocketAbuse(t *testing.T) {
	t.Parallel()
	f := wantsOut(t)
	f.TimeoutS = 3
	f.Name = deploy(t, f)
	for _, how := range []string{
		`"how":"garbage"`, `"how":"close"`, `"how":"shutdown"`, `"how":"steal"`,
		`"how":"header","length":4294967295`, `"how":"header","type":250`, `"how":"header","type":2`,
		`"how":"header","type":4,"stream":99`, `"how":"header","type":3,"stream":77`, `"how":"header","head":65535`,
	} {
		answer, failed, err := shared.Invoke(t.Context(), f.Name, `{"do":"frames",`+how+`}`)
		if err != nil {
			t.Errorf("%s: %v", how, err)
		}
		if failed == "" && answer != `"answered"` {
			t.Errorf("%s: the answer is forged: %s", how, answer)
		}
		if strings.Contains(how, "steal") {
			// What is stolen, and when, is a race; in the end the instance goes.
			if _, _, err = shared.Invoke(t.Context(), f.Name, `{"do":"frames","how":"close"}`); err != nil {
				t.Errorf("%s: %v", how, err)
			}
		}
		answer, failed, err = shared.Invoke(t.Context(), f.Name, `{"do":"frames","how":"nothing"}`)
		if answer != `"answered"` || failed != "" || err != nil {
			t.Errorf("after %s: %s %s %v", how, answer, failed, err)
		}
	}
}

// TestSlowRequestsInside: a function that opens connections to ebb and never
// ends a request is served itself, and costs ebb a bounded number of
// descriptors.
func TestSlowRequestsInside(t *testing.T) {
	t.Parallel()
	requireLinux(t)
	f := wantsOut(t)
	f.Name = deploy(t, f)
	for range 3 {
		got := invoke(t, shared, f.Name, `{"do":"loris","count":400}`)
		t.Logf("a function holds %s connections", got)
		if got == "0" {
			t.Error("nothing was opened")
		}
	}
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", shared.PID()))
	if err != nil {
		t.Fatal(err)
	}
	sockets := 0
	for _, e := range entries {
		if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", shared.PID(), e.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			sockets++
		}
	}
	// 64 for each of two listeners, and those of the tests that run beside.
	t.Logf("ebb has %d sockets", sockets)
	if sockets > 500 {
		t.Errorf("ebb has %d sockets", sockets)
	}
	other := python("def handler(event, context):\n    return 'fine'\n")
	other.Name = name(t) + "-other"
	deploy(t, other)
	if got := invoke(t, shared, other.Name, `{}`); got != `"fine"` {
		t.Errorf("another function answers %s", got)
	}
}

// TestLogFlood: a function that prints without mercy is answered, ebb does not
// keep it all in memory, and what was left out is told.
func TestLogFlood(t *testing.T) {
	t.Parallel()
	f := wantsOut(t)
	f.Name = deploy(t, f)
	before, err := shared.Node(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const megabytes = 48
	if got := invoke(t, shared, f.Name, fmt.Sprintf(`{"do":"flood","megabytes":%d}`, megabytes)); got != `"answered"` {
		t.Errorf("the answer is %s", got)
	}
	after, err := shared.Node(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if grown := after.Memory.RSS - before.Memory.RSS; grown > 256<<20 {
		t.Errorf("ebb grew by %d MB", grown>>20)
	}
	eventually(t, func() error {
		out, errs, _, err := shared.CLI(t.Context(), "logs", f.Name)
		if err != nil {
			return err
		}
		lines := strings.Count(out, strings.Repeat("x", 199))
		t.Logf("%d lines of %d", lines, megabytes*5243)
		if lines < megabytes*5243 && !strings.Contains(out, "dropped") {
			return fmt.Errorf("%d of %d lines, and nothing about the others: %s", lines, megabytes*5243, errs)
		}
		return nil
	})
}

// TestMemoryFlood: who takes more memory than the function has is told so, REPORT
// says how much it was, and so it does for who takes less.
func TestMemoryFlood(t *testing.T) {
	t.Parallel()
	requireLinux(t)
	f := wantsOut(t)
	f.Name = deploy(t, f)
	answer, failed, err := shared.Invoke(t.Context(), f.Name, `{"do":"take","megabytes":600}`)
	if err != nil || failed == "" || !strings.Contains(answer, "Runtime.OutOfMemory") {
		t.Errorf("%s %s %v", answer, failed, err)
	}
	if got := invoke(t, shared, f.Name, `{"do":"take","megabytes":150}`); got != "150" {
		t.Errorf("150 of 256 MB: %s", got)
	}
	eventually(t, func() error {
		out, _, _, err := shared.CLI(t.Context(), "logs", f.Name)
		if err != nil {
			return err
		}
		var used []int
		for _, m := range regexp.MustCompile(`Max Memory Used: ([0-9]+) MB`).FindAllStringSubmatch(out, -1) {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				return err
			}
			used = append(used, n)
		}
		if len(used) != 2 || used[0] < 250 || used[0] > 256 || used[1] < 150 || used[1] > 230 {
			return fmt.Errorf("memory used: %v, in %s", used, out)
		}
		return nil
	})
}
