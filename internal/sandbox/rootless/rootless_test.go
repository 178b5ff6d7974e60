//go:build linux

package rootless

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// roleVar makes this test binary a program that uses the package as ebb does.
const roleVar = "EBB_TEST_ROLE"

// somebody is nobody's number; rangeFirst begins a range that is set aside for them.
const (
	somebody   = 64324
	rangeFirst = 1600000
	rangeCount = 65536
)

func TestMain(m *testing.M) {
	if name := filepath.Base(os.Args[0]); name == "newuidmap" || name == "newgidmap" {
		os.Exit(setuidMap(name))
	}
	if role := os.Getenv(roleVar); role != "" {
		os.Exit(play(role))
	}
	goleak.VerifyTestMain(m)
}

// play is what ebb does: main, then the verb.
func play(role string) int {
	if role == "range" && os.Getuid() == 0 && Outer() == 0 {
		fmt.Println(becomeSomebody())
		return 90
	}
	if err := Resume(); err != nil {
		fmt.Println(err)
		return 90
	}
	asked, ignore := signal.NotifyContext(context.Background(), stops[:]...)
	context.AfterFunc(asked, ignore)
	ctx, cancel := context.WithCancel(asked)
	defer cancel()
	if Needed() {
		state, refused := Run()
		if refused == nil {
			EndAs(state)
		}
		fmt.Println("refused:", refused)
		return 91
	}
	if role == "refuse" {
		Accept(errors.New("not here"), cancel)
		<-ctx.Done()
	}
	Accept(nil, cancel)
	switch role {
	case "exit":
		return 7
	case "range", "file":
		text, err := os.ReadFile("/proc/self/uid_map")
		fmt.Println(strings.Fields(string(text)), err, os.Getuid(), os.WriteFile("mine", nil, 0o600))
		return 0
	}
	fmt.Println("waiting", os.Getpid())
	<-ctx.Done()
	fmt.Println("stopped")
	if role == "stubborn" {
		<-make(chan bool)
	}
	return 5
}

// program copies this binary to where somebody can execute it.
func program(t *testing.T, dir, name string, mode os.FileMode) string {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	path := filepath.Join(dir, name)
	err = errors.Join(err, os.WriteFile(path, self, 0o700), os.Chown(path, 0, somebody), os.Chmod(path, mode))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// started is a program that plays a role as somebody, in a folder of theirs.
type started struct {
	cmd *exec.Cmd
	out *bufio.Reader
}

func start(t *testing.T, role string, attr *syscall.SysProcAttr, env ...string) *started {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("it takes root to become somebody else")
	}
	dir, err := os.MkdirTemp("", "ebb-rootless-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	home := filepath.Join(dir, "home")
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(home, 0o700), os.Chown(home, somebody, somebody)); err != nil {
		t.Fatal(err)
	}
	s := &started{cmd: exec.Command(program(t, dir, "program", 0o750))}
	s.cmd.Dir, s.cmd.Env, s.cmd.SysProcAttr = home, append([]string{roleVar + "=" + role, "PATH=/nonexistent"}, env...), attr
	if attr == nil {
		s.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: somebody, Gid: somebody}}
	}
	s.cmd.SysProcAttr.Pdeathsig = unix.SIGKILL
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	})
	s.out = bufio.NewReader(out)
	return s
}

// says is the next line, the test's end where there are no user namespaces.
func (s *started) says(t *testing.T) string {
	t.Helper()
	line, err := s.out.ReadString('\n')
	if strings.HasPrefix(line, "refused: user namespaces") {
		t.Skip(line)
	}
	if err != nil && err != io.EOF {
		t.Error(err)
	}
	return line
}

// ends is how it ended, after saying something else.
func (s *started) ends(t *testing.T) (rest string, status syscall.WaitStatus) {
	t.Helper()
	text, err := io.ReadAll(s.out)
	if err != nil {
		t.Error(err)
	}
	_ = s.cmd.Wait()
	return string(text), s.cmd.ProcessState.Sys().(syscall.WaitStatus)
}

// waits is the number of the second process, which is ready.
func (s *started) waits(t *testing.T) (inner int) {
	t.Helper()
	line := s.says(t)
	if _, err := fmt.Sscanf(line, "waiting %d", &inner); err != nil || inner == s.cmd.Process.Pid {
		t.Fatalf("it says %q", line)
	}
	return inner
}

func TestEndsAlike(t *testing.T) {
	s := start(t, "exit", nil)
	if line := s.says(t); line != "" {
		t.Errorf("it says %q", line)
	}
	if _, status := s.ends(t); status.ExitStatus() != 7 {
		t.Errorf("status %x", status)
	}
}

// TestStopsOnce: whoever of the two is asked to stop, or both, it stops in an
// orderly way.
func TestStopsOnce(t *testing.T) {
	for what, ask := range map[string]func(outer, inner int) error{
		"first":  func(outer, _ int) error { return unix.Kill(outer, unix.SIGTERM) },
		"second": func(_, inner int) error { return unix.Kill(inner, unix.SIGINT) },
		"both": func(outer, inner int) error {
			return errors.Join(unix.Kill(outer, unix.SIGTERM), unix.Kill(inner, unix.SIGTERM))
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := start(t, "wait", nil)
			if err := ask(s.cmd.Process.Pid, s.waits(t)); err != nil {
				t.Fatal(err)
			}
			if rest, status := s.ends(t); rest != "stopped\n" || status.ExitStatus() != 5 {
				t.Errorf("%q, status %x", rest, status)
			}
		})
	}
}

func TestSecondRequestEnds(t *testing.T) {
	s := start(t, "stubborn", nil)
	s.waits(t)
	for range 2 {
		if err := s.cmd.Process.Signal(unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		s.says(t) // stopped, and then nothing
	}
	if _, status := s.ends(t); !status.Signaled() || status.Signal() != unix.SIGTERM {
		t.Errorf("status %x", status)
	}
}

func TestKilledTogether(t *testing.T) {
	s := start(t, "wait", nil)
	inner := s.waits(t)
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	sandboxtest.Eventually(t, "the second is gone with the first", func() bool { return unix.Kill(inner, 0) == unix.ESRCH })

	s = start(t, "wait", nil)
	if err := unix.Kill(s.waits(t), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, status := s.ends(t); !status.Signaled() || status.Signal() != unix.SIGKILL {
		t.Errorf("status %x", status)
	}
}

func TestRefused(t *testing.T) {
	s := start(t, "refuse", nil)
	if line := s.says(t); line != "refused: not here\n" {
		t.Errorf("it says %q", line)
	}
	if _, status := s.ends(t); status.ExitStatus() != 91 {
		t.Errorf("status %x", status)
	}
}

// TestFilesBelongToTheUser, who is root inside.
func TestFilesBelongToTheUser(t *testing.T) {
	s := start(t, "file", nil)
	if line := s.says(t); line != fmt.Sprintf("[0 %d 1] <nil> 0 <nil>\n", somebody) {
		t.Errorf("it says %q", line)
	}
	s.wantFile(t)
}

func (s *started) wantFile(t *testing.T) {
	t.Helper()
	st, err := os.Stat(filepath.Join(s.cmd.Dir, "mine"))
	if err != nil || st.Sys().(*syscall.Stat_t).Uid != somebody {
		t.Errorf("the file is %+v, %v", st, err)
	}
}

// TestRange: with a range set aside, and the programs that may map it.
func TestRange(t *testing.T) {
	if _, err := os.Stat("/etc/subuid"); err != nil || os.Geteuid() != 0 {
		t.Skipf("needs root, and /etc/subuid to put another in its place: %v", err)
	}
	dir, err := os.MkdirTemp("", "ebb-newuidmap-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, name := range []string{"newuidmap", "newgidmap"} {
		program(t, dir, name, 0o750|os.ModeSetuid)
	}
	table := filepath.Join(dir, "subuid")
	text := fmt.Sprintf("other:1:2\n%d:5:7\n%[1]d:%d:%d\n", somebody, rangeFirst, 2*rangeCount)
	if err := errors.Join(os.WriteFile(table, []byte(text), 0o644), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	// In a mount namespace of its own.
	s := start(t, "range", &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}, "PATH="+dir, "TABLE="+table)
	if line := s.says(t); line != fmt.Sprintf("[0 %d 1 1 %d %d] <nil> 0 <nil>\n", somebody, rangeFirst, rangeCount) {
		t.Errorf("it says %q", line)
	}
	s.wantFile(t)
}

// becomeSomebody puts the tables in place and executes this program as somebody.
func becomeSomebody() error {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		err = errors.Join(err, unix.Mount(os.Getenv("TABLE"), file, "", unix.MS_BIND, ""))
	}
	err = errors.Join(err, syscall.Setgroups(nil), syscall.Setresgid(somebody, somebody, somebody), syscall.Setresuid(somebody, somebody, somebody))
	if err != nil {
		return err
	}
	return syscall.Exec("/proc/self/exe", os.Args, os.Environ())
}

// setuidMap does what the program of that name does, without its questions.
func setuidMap(name string) int {
	kind := strings.TrimSuffix(strings.TrimPrefix(name, "new"), "map")
	a := os.Args
	text := strings.Join(a[2:5], " ") + "\n" + strings.Join(a[5:8], " ") + "\n"
	if err := os.WriteFile(filepath.Join("/proc", a[1], kind+"_map"), []byte(text), 0); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func TestParseRange(t *testing.T) {
	for line, want := range map[string]idRange{
		"ann:100000:65536": {100000, 65536}, "1000:200000:10": {200000, 10}, " ann:5:6 \n": {5, 6},
		"bob:100000:65536": {}, "ann:100000": {}, "ann:x:1": {}, "ann:0:5": {}, "ann:5:0": {}, "": {}, ":1:2": {}, "#": {},
	} {
		got, ok := parseRange(line, "1000", "ann")
		if ok != (want != idRange{}) || ok && got != want {
			t.Errorf("%q: %+v, %t", line, got, ok)
		}
	}
	if _, ok := parseRange(":1:2", "1000", ""); ok {
		t.Error("nobody's range is anybody's")
	}
}

// TestNothingToDo: in an ordinary process nothing of it does anything.
func TestNothingToDo(t *testing.T) {
	if err := Resume(); err != nil || Outer() != 0 {
		t.Error(err)
	}
	Accept(nil, func() { t.Error("stopped") })
	for _, v := range []string{"2", "mapped:2", "x"} {
		t.Setenv(variable, v)
		if Outer() != 0 || Resume() != nil {
			t.Errorf("%s=%s is believed", variable, v)
		}
	}
}
