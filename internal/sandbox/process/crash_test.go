package process_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/process"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// victimVar makes this test binary an ebb to be killed: DIR:PROBE:TOKEN.
const victimVar = "EBB_TEST_VICTIM"

func victim() {
	args := strings.Split(os.Getenv(victimVar), ":")
	if err := beVictim(args[0], args[1], args[2]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func beVictim(dir, probe, token string) error {
	ctx := context.Background()
	d, err := process.Open(ctx, process.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	box, err := d.Create(ctx, sandbox.Spec{ID: "busy"})
	if err != nil {
		return err
	}
	script := fmt.Sprintf("%[1]s/probe daemon %[2]s-daemon && exec %[1]s/probe stubborn %[2]s-main", probe, token)
	if err := box.Start(ctx, sandbox.Process{Argv: []string{"/bin/sh", "-c", script}, Dir: "/"}); err != nil {
		return err
	}
	lines := bufio.NewReader(box.Output())
	for line := ""; line != "ready\n"; {
		if line, err = lines.ReadString('\n'); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	_, err = os.Stdin.Read(make([]byte, 1))
	return err
}

// TestKilledDriver: the runtime ends with ebb, what it left behind by Sweep.
func TestKilledDriver(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux can find and rid itself of these")
	}
	probe, dir, token := sandboxtest.BuildProbe(t), t.TempDir(), sandboxtest.Token(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimVar+"="+strings.Join([]string{dir, probe, token}, ":"))
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the victim says %q (%v)", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	sandboxtest.Eventually(t, "the runtime ended", func() bool { return sandboxtest.Running(token+"-main") == 0 })
	if n := sandboxtest.Running(token + "-daemon"); n != 1 {
		t.Fatalf("%d daemons run, so this test sweeps nothing", n)
	}
	d := open(t, dir)
	if err := d.Sweep(context.Background()); err != nil {
		t.Errorf("Sweep: %v", err)
	}
	if n := sandboxtest.Running(token); n != 0 {
		t.Errorf("%d processes are left", n)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "run", "process", "*")); err != nil || len(left) != 0 {
		t.Errorf("directories are left: %v (%v)", left, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestSweepSparesTheLiving: Sweep is called once, before Create; if not it still
// does no harm.
func TestSweepSparesTheLiving(t *testing.T) {
	d := open(t, t.TempDir())
	b := sandboxtest.Boxes{Driver: d, Probe: sandboxtest.BuildProbe(t)}
	box := b.Box(t, "living", sandbox.Limits{})
	sandboxtest.Start(t, box, "term")
	sandboxtest.Expect(t, box, "ready\n")
	if err := d.Sweep(context.Background()); err != nil {
		t.Errorf("Sweep: %v", err)
	}
	box.Stop(sandboxtest.Patience)
	if exit := box.Exit(); exit.Code != 3 {
		t.Errorf("exit is %+v, want the process's own", exit)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestNothingInherited: a descriptor that leaked into ebb goes no further.
func TestNothingInherited(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux can find and rid itself of these")
	}
	leaked, err := unix.Open(os.DevNull, unix.O_RDONLY, 0) // without O_CLOEXEC
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(leaked) }()
	d := open(t, t.TempDir())
	b := sandboxtest.Boxes{Driver: d, Probe: sandboxtest.BuildProbe(t)}
	box := b.Box(t, "fds", sandbox.Limits{})
	sandboxtest.StartProcess(t, box, sandbox.Process{Argv: []string{"/bin/sh", "-c", "echo /proc/self/fd/*"}, Dir: "/"})
	if out := sandboxtest.ReadAll(t, box); len(strings.Fields(out)) > 4 {
		t.Errorf("descriptors are %s", out)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
