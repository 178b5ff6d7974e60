package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/test/platform"
)

// requireLinux skips what only sandbox/linux can do, unless it must be there.
func requireLinux(t *testing.T) {
	t.Helper()
	n, err := shared.Node(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n.Sandbox.Name == "linux" || n.Sandbox.Name == "rootless" && platform.User() != 0 {
		return
	}
	if sandboxRequired() {
		t.Fatalf("the sandbox is %q", n.Sandbox.Name)
	}
	t.Skipf("the sandbox is %q: nothing to see here", n.Sandbox.Name)
}

// failure is a function that fails in its own way.
type failure struct {
	function  platform.Function
	errorType string
	message   string // part of errorMessage
	left      int    // instances that may go on serving
	linux     bool   // only sandbox/linux can tell it
}

func failures() map[string]failure {
	const ok = "def handler(event, context):\n    return 1\n"
	handler := func(f platform.Function, name string) platform.Function { f.Handler = name; return f }
	py := func(body string) platform.Function { return python("def handler(event, context):\n    " + body + "\n") }
	bootstrap := func(text string) platform.Function {
		return platform.Function{Runtime: "provided", Handler: "x", Files: map[string]string{"bootstrap": text}}
	}
	return map[string]failure{
		"python raises":       {function: py("raise KeyError('nothing')"), errorType: "KeyError", message: "nothing", left: 1},
		"python times out":    {function: py("import time; time.sleep(60)"), errorType: "Sandbox.Timedout", message: "Task timed out after 1.00 seconds"},
		"python spins":        {function: py("exec('while True: pass')"), errorType: "Sandbox.Timedout", message: "Task timed out after 1.00 seconds"},
		"python exits":        {function: py("import sys; sys.exit(3)"), errorType: "Runtime.ExitError", message: "exit status 3"},
		"python exits hard":   {function: py("import os; os._exit(0)"), errorType: "Runtime.ExitError", message: "exited"},
		"python crashes":      {function: py("import ctypes; ctypes.string_at(0)"), errorType: "Runtime.ExitError", message: "signal: segmentation fault"},
		"python kills itself": {function: py("import os; os.kill(os.getpid(), 9)"), errorType: "Runtime.ExitError", message: "signal: killed"},
		"python answers too much": {function: py("return 'x' * (7 << 20)"), errorType: "Function.ResponseSizeTooLarge",
			message: "6291556", left: 1},
		"python answers no JSON": {function: py("return object()"), errorType: "Runtime.MarshalError", message: "not JSON serializable", left: 1},
		"python needs memory":    {function: py("return len(b'x' * (400 << 20))"), errorType: "Runtime.OutOfMemory", message: "memory", linux: true},
		"python imports what is not there": {function: python("import nothing_like_this\n" + ok),
			errorType: "Runtime.ImportModuleError", message: "No module named 'nothing_like_this'"},
		"python has no module": {function: handler(python(ok), "other.handler"), errorType: "Runtime.ImportModuleError", message: "other"},
		"python has no handler": {function: handler(python(ok), "app.other"), errorType: "Runtime.HandlerNotFound",
			message: "Handler 'other' missing on module 'app'"},
		"python names no function": {function: handler(python(ok), "app"), errorType: "Runtime.MalformedHandlerName", message: "Bad handler 'app'"},
		"python cannot be parsed":  {function: python("def handler(:\n"), errorType: "Runtime.UserCodeSyntaxError", message: "invalid syntax"},
		"python raises at import":  {function: python("1 / 0\n" + ok), errorType: "ZeroDivisionError", message: "division by zero"},
		"python exits at import":   {function: python("import sys\nsys.exit(4)\n" + ok), errorType: "Runtime.ExitError", message: "exit status 4"},

		"node throws":           {function: node("exports.handler = async () => { throw new TypeError('no good'); };"), errorType: "TypeError", message: "no good", left: 1},
		"node exits":            {function: node("exports.handler = () => { process.exit(5); };"), errorType: "Runtime.ExitError", message: "exit status 5"},
		"node times out":        {function: node("exports.handler = () => new Promise(() => setInterval(() => {}, 1000));"), errorType: "Sandbox.Timedout", message: "timed out"},
		"node cannot be parsed": {function: node("exports.handler = (;"), errorType: "Runtime.UserCodeSyntaxError", message: "Unexpected token"},
		"node has no handler":   {function: handler(node("exports.handler = 1;"), "index.other"), errorType: "Runtime.HandlerNotFound", message: "other"},
		"node requires what is not there": {function: node("require('nothing-like-this');"), errorType: "Runtime.ImportModuleError",
			message: "Cannot find module 'nothing-like-this'"},
		"node answers too much": {function: node("exports.handler = async () => 'x'.repeat(7 << 20);"), errorType: "Function.ResponseSizeTooLarge",
			message: "6291556", left: 1},

		"no bootstrap":                 {function: platform.Function{Runtime: "provided", Handler: "x", Files: map[string]string{"readme": "hello"}}, errorType: "Runtime.InvalidEntrypoint", message: "bootstrap"},
		"bootstrap is no program":      {function: bootstrap("no program"), errorType: "Runtime.InvalidEntrypoint", message: "exec format error"},
		"bootstrap lacks interpreter":  {function: bootstrap("#!/no/such/interpreter\n"), errorType: "Runtime.InvalidEntrypoint", message: "no such file"},
		"bootstrap exits":              {function: bootstrap("#!/bin/sh\nexit 7\n"), errorType: "Runtime.ExitError", message: "exit status 7"},
		"bootstrap exits without word": {function: bootstrap("#!/bin/sh\nexit 0\n"), errorType: "Runtime.ExitError", message: "exited"},
	}
}

// TestFailures: each kind of failure has an answer of its own, and what is
// broken is never used again.
func TestFailures(t *testing.T) {
	t.Parallel()
	for what, f := range failures() {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if f.linux {
				requireLinux(t)
			}
			f.function.TimeoutS = 10
			if f.errorType == "Sandbox.Timedout" {
				f.function.TimeoutS = 1
			}
			deploy(t, f.function)
			for range 2 { // the second time it is not the start that is looked at
				answer, failed, err := shared.Invoke(t.Context(), name(t), "{}")
				if err != nil {
					t.Fatal(err)
				}
				doc := decode[struct{ ErrorType, ErrorMessage string }](t, answer)
				if failed != "Unhandled" || doc.ErrorType != f.errorType || !strings.Contains(doc.ErrorMessage, f.message) {
					t.Errorf("%s, %s", failed, answer)
				}
			}
			eventually(t, func() error {
				left, err := shared.Instances(t.Context(), name(t))
				if err == nil && len(left) != f.left {
					err = fmt.Errorf("%d instances, want %d", len(left), f.left)
				}
				return err
			})
		})
	}
}

// TestTimeoutHitsOneInstance: the others go on, and the function too.
func TestTimeoutHitsOneInstance(t *testing.T) {
	t.Parallel()
	f := python(`
import os, time
def handler(event, context):
    time.sleep(event["sleep"])
    return os.urandom(8).hex() if not hasattr(handler, "id") else handler.id
handler.id = os.urandom(8).hex()
`)
	f.TimeoutS = 2
	f.Name = deploy(t, f)
	type result struct{ answer, failed string }
	slow := make(chan result, 1)
	ctx := t.Context()
	go func() {
		answer, failed, err := shared.Invoke(ctx, f.Name, `{"sleep":30}`)
		if err != nil {
			answer = err.Error()
		}
		slow <- result{answer, failed}
	}()
	eventually(t, func() error {
		running, err := shared.Instances(ctx, f.Name)
		if err == nil && (len(running) == 0 || running[0].State != "busy") {
			err = fmt.Errorf("%+v", running)
		}
		return err
	})
	other := invoke(t, shared, f.Name, `{"sleep":0}`)
	if r := <-slow; r.failed != "Unhandled" || !strings.Contains(r.answer, "Sandbox.Timedout") {
		t.Errorf("%+v", r)
	}
	if again := invoke(t, shared, f.Name, `{"sleep":0}`); again != other {
		t.Errorf("served by %s, then by %s: the other instance went too", other, again)
	}
}
