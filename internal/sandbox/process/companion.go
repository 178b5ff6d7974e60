package process

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

// Spawn runs a process that is not the one of Start, in a session of its own.
func (b *box) Spawn(_ context.Context, p sandbox.Process) (*sandbox.Companion, error) {
	if err := p.ValidateCompanion(false); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.destroyed:
		return nil, unavailable("box %s: the box was destroyed", b.id)
	case b.started:
		return nil, unavailable("box %s: a process was started in it already", b.id)
	}
	companion, err := b.spawn(p)
	if err != nil {
		return nil, unavailable("box %s: %w", b.id, err)
	}
	return companion, nil
}

func (b *box) spawn(p sandbox.Process) (*sandbox.Companion, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = write.Close() }()
	done := make(chan struct{})
	var exit sandbox.Exit
	companion := &sandbox.Companion{Output: read, Done: done, Exit: func() sandbox.Exit {
		<-done
		return exit
	}}
	started, err := b.execute(p, []*os.File{null, write, write})
	if err != nil {
		exit = sandbox.Exit{Code: -1, Err: err}
		close(done)
		return companion, nil
	}
	b.beside = append(b.beside, started)
	go func() {
		defer close(done)
		state, err := started.Wait()
		if exit = (sandbox.Exit{Code: -1, Err: err}); err == nil {
			exit = exitOf(state)
		}
	}()
	return companion, nil
}

// killBeside ends what Spawn started. What has ended is not hit: os.Process
// knows.
func (b *box) killBeside() {
	for _, p := range b.beside {
		if !errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone) {
			_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
		}
	}
}

// Zygote fails: see Level.Forks.
func (d *Driver) Zygote(_ context.Context, spec sandbox.Spec, _ sandbox.Process) (sandbox.Zygote, error) {
	return nil, unavailable("zygote %s: plain processes are not forked from another", spec.ID)
}

// Fork makes no copy.
func (b *box) Fork(context.Context, sandbox.Zygote, string) error {
	return unavailable("box %s: %w", b.id, sandbox.ErrNotForked)
}
