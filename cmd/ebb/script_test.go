package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait of a script; nothing waits that long unless it is
// broken.
const patience = time.Minute

// TestScripts runs testdata/script: the real binary against a real server.
// Functions run as plain processes there, so that the scripts need no root; the
// sandbox has its own tests.
//
// Beside testscript's own commands there are
//
//	serve DIR [FLAG...]     start 'ebb serve' on DIR, wait until it is ready, set EBB_DATA
//	shutdown                end the last server as an operator would; it must end with 0
//	kill9                   end the last server at once
//	exits CODE COMMAND...   run a command that must end with this code
//	until PATTERN COMMAND...  run a command again and again until its output has PATTERN
//	call URL PATTERN        GET an address; the answer must be 200 and contain PATTERN
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": cmdServe, "shutdown": cmdShutdown, "kill9": cmdKill9, "exits": cmdExits, "until": cmdUntil, "call": cmdCall,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "pty" {
				f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
				if err != nil {
					return false, nil
				}
				return true, f.Close()
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

// servers are the servers that one script started.
type servers struct{ running []*exec.Cmd }

type serversKey struct{}

func setup(env *testscript.Env) error {
	// Scripts that build Go programs use the caches of this machine.
	out, err := exec.Command("go", "env", "GOMODCACHE", "GOCACHE", "GOPROXY").Output()
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i, name := range []string{"GOMODCACHE", "GOCACHE", "GOPROXY"} {
		env.Setenv(name, lines[i])
	}
	env.Setenv("SHELL", "/bin/bash")
	env.Setenv("TZ", "UTC")
	env.Setenv("GORACE", "atexit_sleep_ms=10") // else every command ends a second later with -race
	env.Setenv("XDG_DATA_HOME", filepath.Join(env.WorkDir, "share"))
	env.Values[serversKey{}] = &servers{}
	return os.WriteFile(filepath.Join(env.WorkDir, ".server.yaml"), []byte("sandbox: process\n"), 0o600)
}

func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: serve DIR [FLAG...]")
	}
	dir := ts.MkAbs(args[0])
	flags := append([]string{
		"serve", "--data", dir, "--listen", "127.0.0.1:0", "--gateway", "127.0.0.1:0", "--s3", "127.0.0.1:0",
		"--config", ts.MkAbs(ts.Getenv("WORK") + "/.server.yaml"),
	}, args[1:]...)
	cmd := exec.Command("ebb", flags...)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"PATH", "HOME", "TZ", "GORACE"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	log, err := os.OpenFile(dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	defer func() { _ = log.Close() }() // the process has its own descriptor
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	all := ts.Value(serversKey{}).(*servers)
	all.running = append(all.running, cmd)
	ts.Defer(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	// The read ends when the process does, or the deadline kills it.
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready api=http://127.0.0.1:") {
		text, _ := os.ReadFile(dir + ".log")
		ts.Fatalf("ebb serve said %q (%v)\n%s", line, err, text)
	}
	ts.Logf("%s", line)
	ts.Setenv("EBB_DATA", dir)
}

// last takes the server that was started last.
func last(ts *testscript.TestScript) *exec.Cmd {
	all := ts.Value(serversKey{}).(*servers)
	if len(all.running) == 0 {
		ts.Fatalf("no server is running")
	}
	cmd := all.running[len(all.running)-1]
	all.running = all.running[:len(all.running)-1]
	return cmd
}

func cmdShutdown(ts *testscript.TestScript, _ bool, _ []string) {
	cmd := last(ts)
	ts.Check(cmd.Process.Signal(syscall.SIGTERM))
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil {
		ts.Fatalf("the server did not end well: %v", err)
	}
}

func cmdKill9(ts *testscript.TestScript, _ bool, _ []string) {
	cmd := last(ts)
	ts.Check(cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		ts.Fatalf("the server ended by itself")
	}
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN COMMAND...")
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if ts.Exec(args[1], args[2:]...) == nil && strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
	}
	ts.Fatalf("%q never came", args[0])
}

func cmdCall(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: call URL PATTERN")
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(args[0])
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	var body strings.Builder
	_, err = bufio.NewReader(resp.Body).WriteTo(&body)
	ts.Check(err)
	if resp.StatusCode != http.StatusOK || !strings.Contains(body.String(), args[1]) {
		ts.Fatalf("HTTP %d: %s", resp.StatusCode, body.String())
	}
}
