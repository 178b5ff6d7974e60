//go:build linux

package linux

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

// companions are the processes that Spawn started and that have not ended.
type companions struct {
	mu    sync.Mutex
	last  uint64
	open  map[uint64]func(sandbox.Exit)
	ended bool // the box is gone
}

// begin makes one; it ends at once if the box is gone.
func (c *companions) begin(output *os.File) (uint64, *sandbox.Companion) {
	done := make(chan struct{})
	var exit sandbox.Exit
	end := func(e sandbox.Exit) {
		exit = e
		close(done)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	if c.open == nil {
		c.open = make(map[uint64]func(sandbox.Exit))
	}
	if c.ended {
		end(sandbox.Exit{Code: -1, Err: errGone})
	} else {
		c.open[c.last] = end
	}
	return c.last, &sandbox.Companion{Output: output, Done: done, Exit: func() sandbox.Exit {
		<-done
		return exit
	}}
}

func (c *companions) end(number uint64, e sandbox.Exit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if end := c.open[number]; end != nil {
		delete(c.open, number)
		end(e)
	}
}

func (c *companions) endAll(e sandbox.Exit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for number, end := range c.open {
		delete(c.open, number)
		end(e)
	}
}

// ends notes the end of a process.
func (b *box) ends(number uint64, e sandbox.Exit) {
	if number == 0 {
		b.finish(e)
		return
	}
	b.companions.end(number, e)
}

// Spawn starts a process that is not the one of Start.
func (b *box) Spawn(_ context.Context, p sandbox.Process) (*sandbox.Companion, error) {
	if err := p.ValidateCompanion(b.image); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.destroyed:
		return nil, unavailable("box %s: %w", b.id, errGone)
	case b.started:
		return nil, unavailable("box %s: %w", b.id, errStarted)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, unavailable("box %s: %w", b.id, err)
	}
	defer func() { _ = write.Close() }()
	if err := b.ownOutput(write); err != nil {
		return nil, unavailable("box %s: %w", b.id, errors.Join(err, read.Close()))
	}
	number, companion := b.companions.begin(read)
	if err := b.send(b.startMessage(number, &p), write); err != nil {
		b.companions.end(number, sandbox.Exit{Code: -1, Err: err})
		return nil, unavailable("box %s: %w", b.id, errors.Join(err, read.Close()))
	}
	return companion, nil
}
