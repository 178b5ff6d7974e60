//go:build linux

package linux

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// BenchmarkBox makes a box, runs true in it and destroys it. What it costs over
// BenchmarkBare is the price of a box.
func BenchmarkBox(b *testing.B) {
	d := open(b, b.TempDir())
	defer func() { _ = d.Close() }()
	ctx := context.Background()
	for i := 0; b.Loop(); i++ {
		box, err := d.Create(ctx, sandbox.Spec{ID: fmt.Sprintf("bench-%d", i), Limits: sandbox.Limits{TmpMB: 32}})
		if err != nil {
			b.Fatal(err)
		}
		if err := box.Start(ctx, sandbox.Process{Argv: []string{"/usr/bin/true"}, Dir: "/"}); err != nil {
			b.Fatal(err)
		}
		<-box.Done()
		if exit := box.Exit(); exit != (sandbox.Exit{}) {
			b.Fatalf("%+v", exit)
		}
		_ = box.Output().Close()
		box.Destroy()
	}
}

// BenchmarkCreate is the part of a cold start that the box is to blame for: made
// and ready, with /tmp images and blanks waiting. Destroying is not counted.
func BenchmarkCreate(b *testing.B) {
	d := open(b, b.TempDir())
	defer func() { _ = d.Close() }()
	ctx := context.Background()
	for i := 0; b.Loop(); i++ {
		box, err := d.Create(ctx, sandbox.Spec{ID: fmt.Sprintf("bench-%d", i), Limits: sandbox.Limits{TmpMB: 32}})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		box.Destroy()
		for len(d.ahead.ready) == 0 {
			runtime.Gosched()
		}
		for len(d.tmp.ready) == 0 {
			mount, err := d.tmp.make(ctx, 32)
			if err != nil {
				b.Fatal(err)
			}
			select {
			case d.tmp.ready <- mount:
			default:
				_ = mount.Close()
			}
		}
		b.StartTimer()
	}
}

// BenchmarkTmp is the making of one /tmp of the usual size.
func BenchmarkTmp(b *testing.B) {
	d := open(b, b.TempDir())
	defer func() { _ = d.Close() }()
	for b.Loop() {
		mount, err := d.tmp.make(context.Background(), sandbox.DefaultTmpMB)
		if err != nil {
			b.Fatal(err)
		}
		if err := mount.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBare is the same program without a box.
func BenchmarkBare(b *testing.B) {
	for b.Loop() {
		p, err := os.StartProcess("/usr/bin/true", []string{"true"}, &os.ProcAttr{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCgroup is a box's group: made, limited, joined, left, removed.
func BenchmarkCgroup(b *testing.B) {
	d := open(b, b.TempDir())
	defer func() { _ = d.Close() }()
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	home, err := d.groups.create("home", sandbox.Limits{}.WithDefaults())
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if err := home.remove(); err != nil {
			b.Error(err)
		}
	}()
	for i := 0; b.Loop(); i++ {
		g, err := d.groups.create(fmt.Sprintf("bench-%d", i), sandbox.Limits{}.WithDefaults())
		if err == nil {
			err = g.join(cmd.Process.Pid)
		}
		if err == nil {
			err = home.join(cmd.Process.Pid)
		}
		if err == nil {
			err = g.remove()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFreeze is one cycle: freeze and thaw, of a box with one process.
func BenchmarkFreeze(b *testing.B) {
	d := open(b, b.TempDir())
	defer func() { _ = d.Close() }()
	boxes := sandboxtest.Boxes{Driver: d, Probe: sandboxtest.BuildProbe(b)}
	box := boxes.Box(b, "freeze", sandbox.Limits{})
	sandboxtest.Start(b, box, "sleep")
	sandboxtest.Expect(b, box, "ready\n")
	var thaw time.Duration
	for b.Loop() {
		if err := box.Freeze(); err != nil {
			b.Fatal(err)
		}
		begin := time.Now()
		if err := box.Thaw(); err != nil {
			b.Fatal(err)
		}
		thaw += time.Since(begin)
	}
	b.ReportMetric(float64(thaw.Microseconds())/float64(b.N), "µs/thaw")
}

// BenchmarkProcess is a runtime's process in a box that is there, until it answers:
// started, or copied from a zygote.
func BenchmarkProcess(b *testing.B) {
	d := open(b, b.TempDir())
	defer func() { _ = d.Close() }()
	catalog, err := hostRuntimes()
	if err != nil {
		b.Fatal(err)
	}
	rt, ok := catalog.Lookup("python3")
	if !ok {
		hosttest.Lacks(b, "this host lacks Python, the only runtime that forks")
	}
	spec := sandbox.Spec{Limits: sandbox.Limits{TmpMB: 32}}
	for _, m := range rt.Mounts {
		spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: m.Source, Target: m.Target})
	}
	spec.ID = "zygote-process"
	z, err := d.Zygote(b.Context(), spec, sandbox.Process{Argv: rt.ZygoteCommand(), Env: rt.Env, Dir: "/"})
	if err != nil {
		b.Fatal(err)
	}
	ping := []byte{0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0} // and a pong is as long
	for name, begin := range map[string]func(box sandbox.Box) error{
		"started": func(box sandbox.Box) error {
			return box.Start(b.Context(), sandbox.Process{Argv: rt.Command(128, box.Path), Env: rt.Env, Dir: "/tmp", Framed: true})
		},
		"copied": func(box sandbox.Box) error { return box.Fork(b.Context(), z, "/tmp") },
	} {
		b.Run(name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				spec.ID = fmt.Sprintf("%s-%d-%d", name, b.N, i)
				box, err := d.Create(context.Background(), spec)
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				err = begin(box)
				if err == nil {
					_, err = box.Conn().Write(ping)
				}
				if err == nil {
					_, err = io.ReadFull(box.Conn(), make([]byte, len(ping)))
				}
				b.StopTimer()
				if err != nil {
					b.Fatal(err)
				}
				_ = box.Output().Close()
				box.Destroy()
				b.StartTimer()
			}
		})
	}
}
