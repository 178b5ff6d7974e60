//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
		if isDir && !d.isLive(name) && !d.ahead.isLive(name) {
			errs = append(errs, d.groups.sweep(ctx, name))
		}
	}
	errs = append(errs, d.sweepElsewhere(ctx), d.unmountRun())
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

// maxGroupDepth bounds how far down groups of an earlier ebb are looked for.
const maxGroupDepth = 8

// sweepElsewhere removes what an ebb left that had another place among the
// groups: another unit, another container, a terminal. What it left has the name
// that this data directory gives and no other, and its ebb is gone: ours has the
// directory for itself.
func (d *Driver) sweepElsewhere(ctx context.Context) error {
	h, err := readHierarchies()
	if err != nil {
		return err
	}
	ours := d.groups.parents()
	var errs []error
	for _, root := range h.roots() {
		for _, dir := range findGroups(root, parentName(d.cfg.Dir), maxGroupDepth) {
			if slices.Contains(ours, dir) {
				continue
			}
			old := &cgroups{unified: dir, mkdir: d.groups.mkdir, rmdir: d.groups.rmdir, write: d.groups.write}
			entries, err := os.ReadDir(dir)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			errs = append(errs, err)
			for _, e := range entries {
				if e.IsDir() {
					errs = append(errs, old.sweep(ctx, e.Name()))
				}
			}
			errs = append(errs, old.remove(dir, 200*time.Millisecond))
		}
	}
	return errors.Join(errs...)
}

// findGroups returns the groups of a name below dir.
func findGroups(dir, name string, depth int) (found []string) {
	entries, err := os.ReadDir(dir)
	if err != nil { // a group that has just gone
		return nil
	}
	for _, e := range entries {
		switch {
		case !e.IsDir():
		case e.Name() == name:
			found = append(found, filepath.Join(dir, name))
		case depth > 0:
			found = append(found, findGroups(filepath.Join(dir, e.Name()), name, depth-1)...)
		}
	}
	return found
}

func (d *Driver) isLive(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.live[id] != nil || d.zygotes[id] != nil
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
