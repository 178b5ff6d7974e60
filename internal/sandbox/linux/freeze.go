//go:build linux

package linux

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// frozenGroup is the child of a box's group that is frozen. ebb-init stays
// outside: it goes on reaping and answering, so that a death is noticed.
const frozenGroup = "app"

// movePasses is how often the processes of a box are looked for: those that were
// just forked follow in the next pass.
const movePasses = 8

// freezers is the hierarchy in which boxes are frozen, "" if there is none.
func (c *cgroups) freezers() string {
	if c.unified != "" {
		return c.unified
	}
	return c.freezer
}

// Freeze implements sandbox.Box.
func (b *box) Freeze() error {
	b.ice.Lock()
	defer b.ice.Unlock()
	b.mu.Lock()
	gone := b.destroyed
	b.mu.Unlock()
	switch {
	case gone:
		return unavailable("box %s: %w", b.id, errGone)
	case b.frozen:
		return nil
	}
	if err := b.group.gather(b.init.Pid); err != nil {
		return unavailable("box %s: freeze: %w", b.id, err)
	}
	if err := b.group.freeze(true); err != nil {
		return unavailable("box %s: freeze: %w", b.id, err)
	}
	b.frozen = true
	return nil
}

// Thaw implements sandbox.Box.
func (b *box) Thaw() error {
	b.ice.Lock()
	defer b.ice.Unlock()
	if !b.frozen {
		return nil
	}
	if err := b.group.freeze(false); err != nil {
		return unavailable("box %s: thaw: %w", b.id, err)
	}
	b.frozen = false
	return nil
}

func (b *box) isFrozen() bool {
	b.ice.Lock()
	defer b.ice.Unlock()
	return b.frozen
}

// gather moves all processes but PID 1 into the group that can be frozen. Once
// they are there, their children are too.
func (g *group) gather(init int) error {
	freezers := g.c.freezers()
	switch {
	case freezers != "":
	case g.watched != nil:
		return nil
	default:
		return errors.ErrUnsupported
	}
	outer := filepath.Join(freezers, g.name)
	inner := filepath.Join(outer, frozenGroup)
	if err := g.c.mkdir(inner); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	for range movePasses {
		b, err := os.ReadFile(filepath.Join(outer, "cgroup.procs"))
		if err != nil {
			return err
		}
		moved := false
		for pid := range strings.FieldsSeq(string(b)) {
			if pid == strconv.Itoa(init) {
				continue
			}
			moved = true
			if err := g.c.write(inner, "cgroup.procs", pid); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
		}
		if !moved {
			return nil
		}
	}
	return errors.New("its processes fork faster than they can be counted")
}

// freeze sets the state of the group that gather filled.
func (g *group) freeze(on bool) error {
	if g.c.freezers() == "" {
		return g.watched.freeze(on)
	}
	inner := filepath.Join(g.c.freezers(), g.name, frozenGroup)
	file, value := "cgroup.freeze", "0"
	if g.c.unified == "" {
		file, value = "freezer.state", "THAWED"
	}
	if on {
		if value = "1"; g.c.unified == "" {
			value = "FROZEN"
		}
	}
	return g.c.write(inner, file, value)
}

// release lets go what is frozen: a v1 freezer keeps even the killed.
func (g *group) release() {
	if g.c.unified == "" && g.c.freezer != "" && exists(filepath.Join(g.c.freezer, g.name, frozenGroup)) {
		_ = g.freeze(false)
	}
}

// removeFrozen takes the inner group away, which the outer one cannot go without.
func (g *group) removeFrozen() error {
	freezers := g.c.freezers()
	if freezers == "" {
		return nil
	}
	inner := filepath.Join(freezers, g.name, frozenGroup)
	if !exists(inner) {
		return nil
	}
	return g.c.remove(inner, removeTimeout)
}
