//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// zygoteLimits are a zygote's own: it has the interpreter and ebb's code, and for a
// moment what becomes a copy.
var zygoteLimits = sandbox.Limits{MemoryMB: 512, CPUWeight: 1024, PIDs: 64}

// zygote implements sandbox.Zygote. It is in no box: only a process of ebb's own PID
// namespace can fork into those of boxes.
type zygote struct {
	d       *Driver
	process *os.Process
	ctl     *net.UnixConn
	group   *group
	uid     int
	said    *tail
	births  sync.Mutex // one at a time
	done    chan struct{}
	destroy sync.Once
}

// Zygote implements sandbox.Driver.
func (d *Driver) Zygote(ctx context.Context, spec sandbox.Spec, p sandbox.Process) (sandbox.Zygote, error) {
	if err := errors.Join(spec.Validate(), p.Validate()); err != nil {
		return nil, err
	}
	if d.rootless != nil {
		return nil, unavailable("zygote %s: it takes the machine's root to enter boxes", spec.ID)
	}
	if spec.Root != "" {
		return nil, unavailable("zygote %s: an image's program gets no privileges", spec.ID)
	}
	z := &zygote{d: d, said: &tail{}, done: make(chan struct{})}
	d.mu.Lock()
	if d.closed || d.zygotes[spec.ID] != nil {
		d.mu.Unlock()
		return nil, unavailable("zygote %s: exists already, or the driver is closed", spec.ID)
	}
	d.zygotes[spec.ID] = z
	d.creating.Add(1)
	d.cleaning.Add(1) // taken back by clean
	d.mu.Unlock()
	defer d.creating.Done()
	if err := z.create(ctx, spec, p); err != nil {
		z.Destroy()
		return nil, unavailable("zygote %s: %w", spec.ID, z.explain(err))
	}
	return z, nil
}

// zygoteNamespaces are those of a box but for the PIDs.
const zygoteNamespaces = namespaces &^ unix.CLONE_NEWPID

func (z *zygote) create(ctx context.Context, spec sandbox.Spec, p sandbox.Process) error {
	var err error
	if z.process, z.ctl, err = z.d.startOutside(zygoteNamespaces, nil); err != nil {
		return err
	}
	go func() {
		_, _ = z.process.Wait()
		close(z.done)
	}()
	if z.group, err = z.d.groups.create(spec.ID, zygoteLimits.WithDefaults()); err != nil {
		return err
	}
	if err = z.group.join(z.process.Pid); err != nil {
		return err
	}
	if z.uid, err = z.d.uids.take(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, z.d.cfg.StartTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = z.ctl.SetReadDeadline(time.Unix(1, 0)) })()
	setup := &initproto.Setup{Root: z.d.stage, Hostname: hostname, NoProc: true, ShmBytes: 4096,
		Links: z.d.rootfs.links, Files: z.d.rootfs.files(z.uid)}
	setup.Mounts = append(setup.Mounts, z.d.rootfs.mounts...)
	for _, m := range spec.Mounts {
		setup.Mounts = append(setup.Mounts, initproto.Mount{Source: m.Source, Target: m.Target})
	}
	if err := send(z.ctl, setup.Encode()); err != nil {
		return err
	}
	if message, err := z.hear(); err != nil || initproto.KindOf(message) != initproto.KindReady {
		return errors.Join(err, explain(message))
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	go z.said.read(read)
	start := &initproto.Start{Argv: p.Argv, Env: p.Env, Dir: p.Dir, UID: uint32(z.uid),
		Rlimits: []initproto.Rlimit{{Resource: unix.RLIMIT_CORE, Value: 0}}}
	err = send(z.ctl, start.Encode(), write)
	_ = write.Close()
	if err != nil {
		return err
	}
	message, err := z.hear()
	if err == nil && string(message) != zygoteReady {
		err = explain(message)
	}
	return err
}

// What a zygote says: that it waits for orders, and that one was carried out. All
// else is what went wrong.
const (
	zygoteReady = "ready"
	zygoteBorn  = "born"
)

// hear returns the next message. No descriptor comes with any.
func (z *zygote) hear() ([]byte, error) {
	message, files, err := receive(z.ctl)
	closeFiles(files)
	if err != nil {
		return nil, fmt.Errorf("the zygote does not answer: %w", err)
	}
	return message, nil
}

// explain adds what the process said before it ended.
func (z *zygote) explain(err error) error {
	if said := z.said.String(); said != "" {
		return fmt.Errorf("%w: %s", err, said)
	}
	return err
}

func (z *zygote) Done() <-chan struct{} { return z.done }
func (z *zygote) Usage() sandbox.Usage  { return z.group.usage() }

// Destroy kills the process. What is being copied ends by itself, because nobody
// tells it to go on.
func (z *zygote) Destroy() {
	z.destroy.Do(func() {
		if z.process != nil {
			_ = z.process.Kill()
			<-z.done
			_ = z.ctl.Close()
		}
		go z.clean()
	})
}

func (z *zygote) clean() {
	defer z.d.cleaning.Done()
	var err error
	if z.group != nil {
		err = z.group.remove()
	}
	if z.uid != 0 {
		z.d.uids.release(z.uid)
	}
	if err != nil {
		z.d.log.Warn("zygote not cleaned up", "error", err)
	}
	z.d.mu.Lock()
	defer z.d.mu.Unlock()
	for id, other := range z.d.zygotes {
		if other == z {
			delete(z.d.zygotes, id)
		}
	}
}

// tail keeps the end of what a zygote writes to its standard output and error: of
// one that works, nothing.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailMost = 2 << 10

func (t *tail) read(from *os.File) {
	_, _ = io.Copy(t, from) // until it has ended
	_ = from.Close()
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-tailMost):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
