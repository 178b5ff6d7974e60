//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Sweep removes what an earlier ebb left in this data directory. Its processes
// have ended with it, or are about to; what may be left are cgroups and the
// directories of plain /tmps. (Open removed half-made images.) Mounts under
// run/ are none of ours but would keep it from being removed, so they go too.
func (d *Driver) Sweep(ctx context.Context) error {
	var errs []error
	names := make(map[string]bool)
	for _, p := range d.groups.parents() {
		entries, err := os.ReadDir(p)
		if err != nil {
			errs = append(errs, err)
		}
		for _, e := range entries {
			names[e.Name()] = names[e.Name()] || e.IsDir()
		}
	}
	for name, isDir := range names {
		if isDir && !d.isLive(name) {
			errs = append(errs, d.groups.sweep(ctx, name))
		}
	}
	errs = append(errs, d.unmountRun())
	plain := d.plainTmp("")
	entries, err := os.ReadDir(plain)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	for _, e := range entries {
		if !d.isLive(e.Name()) {
			errs = append(errs, os.RemoveAll(filepath.Join(plain, e.Name())))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return unavailable("sweep: %w", err)
	}
	return nil
}

func (d *Driver) isLive(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.live[id] != nil
}

// sweep kills whatever is in the group of that name, and removes it.
func (c *cgroups) sweep(ctx context.Context, name string) error {
	g := &group{c: c, name: name}
	for deadline := time.Now().Add(removeTimeout); ; {
		if !g.kill() {
			g.killEach()
		}
		g.release()
		errs := []error{g.removeFrozen()}
		for _, p := range c.parents() {
			errs = append(errs, c.remove(filepath.Join(p, name), 200*time.Millisecond))
		}
		err := errors.Join(errs...)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// killEach is kill where there is no cgroup.kill.
func (g *group) killEach() {
	dirs := []string{filepath.Join(g.c.freezers(), g.name, frozenGroup)}
	for _, p := range g.c.parents() {
		dirs = append(dirs, filepath.Join(p, g.name))
	}
	for _, dir := range dirs {
		b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			continue
		}
		for field := range strings.FieldsSeq(string(b)) {
			if pid, err := strconv.Atoi(field); err == nil && pid > 1 {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
	}
}

func (d *Driver) unmountRun() error {
	h, err := readHierarchies()
	if err != nil {
		return err
	}
	var errs []error
	for line := range strings.Lines(h.mountinfo) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := unescape(fields[4])
		if _, below := cutPath(point, d.run); below && point != d.run {
			if err := unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
				errs = append(errs, fmt.Errorf("unmount %s: %w", point, err))
			}
		}
	}
	return errors.Join(errs...)
}
