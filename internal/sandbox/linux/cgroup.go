//go:build linux

package linux

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

// initPIDs is what ebb-init's own threads take of a box's pids limit.
const initPIDs = 12

// initMemory is what ebb-init takes of a box's memory, in bytes.
const initMemory = 4 << 20

// socketLimit is the v1 file for the memory of TCP buffers, which there does not
// count as the box's. A box gets a quarter of its memory for them, and enough for
// some connections in any case.
const (
	socketLimit = "memory.kmem.tcp.limit_in_bytes"
	minSocketMB = 32
)

// cgroups is ebb's place in the machine's cgroup hierarchies: one parent group in
// each, below the group ebb itself was started in. An empty path means that the
// host has no such controller.
type cgroups struct {
	v2      bool   // controllers are on the unified hierarchy
	unified string // cgroup.kill, cgroup.freeze and cpu.stat
	memory  string
	cpu     string
	cpuacct string // v1 only, and only where there is no unified hierarchy
	pids    string
	freezer string // v1 only, and only where there is no unified hierarchy
	swap    bool   // swap can be limited
	swaps   bool   // the machine swaps at all
	sockets bool   // v1 only: TCP buffers are counted apart and can be limited
	watch   *watch // nil: memory is a controller's
	outer   int    // as Config.Outer

	// The kernel's part, which a directory in a test cannot play: a new group
	// comes with its files, they do not keep it from being removed, and a write
	// may be refused.
	mkdir, rmdir func(dir string) error
	write        func(dir, file, value string) error
}

// parents lists the distinct parent groups.
func (c *cgroups) parents() []string {
	var list []string
	for _, p := range []string{c.memory, c.cpu, c.cpuacct, c.pids, c.freezer, c.unified} {
		if p != "" && !contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// open makes the parent groups. A hierarchy that does not let us is given up;
// notes say so, and what every controller that is not there means.
func (c *cgroups) open() (notes []string, err error) {
	barred := false
	for _, p := range c.parents() {
		err := c.mkdir(p)
		switch {
		case err == nil || errors.Is(err, fs.ErrExist):
			continue
		case !errors.Is(err, fs.ErrPermission):
			notes = append(notes, fmt.Sprintf("cgroup %s: %v", p, err))
		case !barred:
			barred = true
			notes = append(notes, "cgroups: this user may make none here; have some delegated (systemd: Delegate=yes), with cgroup v2")
		}
		c.giveUp(p)
	}
	if c.v2 {
		err = c.delegate(c.unified)
	}
	// The group competes as one with ebb's own threads and its siblings: give
	// the boxes together the weight of the machine.
	if cpus := runtime.NumCPU(); err == nil && c.cpu != "" {
		if c.v2 {
			err = c.write(c.cpu, "cpu.weight", strconv.Itoa(min(100*cpus, 10000)))
		} else {
			err = c.write(c.cpu, "cpu.shares", strconv.Itoa(min(1024*cpus, 262144)))
		}
	}
	if c.memory != "" {
		c.swap = exists(filepath.Join(c.memory, "memory.swap.max")) ||
			exists(filepath.Join(c.memory, "memory.memsw.limit_in_bytes"))
		c.sockets = exists(filepath.Join(c.memory, socketLimit))
	}
	return append(notes, c.lacks()...), err
}

func (c *cgroups) giveUp(parent string) {
	for _, p := range []*string{&c.memory, &c.cpu, &c.cpuacct, &c.pids, &c.freezer, &c.unified} {
		if *p == parent {
			*p = ""
		}
	}
	c.v2 = c.v2 && c.unified != ""
}

// lacks says what is not limited.
func (c *cgroups) lacks() (notes []string) {
	if c.memory == "" {
		notes = append(notes, "cgroup memory controller: memory is measured some times a second instead, and who has more than the limit is killed then; "+
			"what is in /tmp, /dev/shm and buffers is not counted, and there are neither memfds nor System V shared memory")
	} else if c.swaps && !c.swap {
		notes = append(notes, "cgroup swap accounting: a box at its memory limit may swap")
	}
	if c.memory != "" && !c.v2 && !c.sockets {
		notes = append(notes, "cgroup memory.kmem.tcp: what a box has waiting in TCP connections to itself is not limited")
	}
	if c.v2 && c.memory != "" && !exists(filepath.Join(c.memory, "memory.peak")) {
		notes = append(notes, "cgroup memory.peak (Linux 5.19): the most memory a box used is not known")
	}
	if c.cpu == "" {
		notes = append(notes, "cgroup cpu controller: boxes share the CPU by process, not by memory size")
	}
	if c.pids == "" {
		notes = append(notes, "cgroup pids controller: processes are limited by uid (RLIMIT_NPROC) instead")
	}
	switch {
	case c.freezers() != "":
	case c.memory == "":
		notes = append(notes, "cgroup freezer: idle instances are stopped by signals, process by process")
	default:
		notes = append(notes, "cgroup freezer: idle instances are not frozen and may go on working")
	}
	return notes
}

// level names what is in force, for people.
func (c *cgroups) level() string {
	switch {
	case c.v2:
		return "cgroup v2"
	case c.memory == "" && c.cpu == "" && c.pids == "":
		return "no cgroup limits"
	case c.unified != "":
		return "cgroup v1 with unified"
	default:
		return "cgroup v1"
	}
}

// delegate lets the children of a v2 group use the controllers we want of those
// it has.
func (c *cgroups) delegate(dir string) error {
	var want []string
	for _, controller := range [...]struct{ name, parent string }{
		{"memory", c.memory}, {"cpu", c.cpu}, {"pids", c.pids},
	} {
		if controller.parent != "" {
			want = append(want, "+"+controller.name)
		}
	}
	if len(want) == 0 {
		return nil
	}
	return c.write(dir, "cgroup.subtree_control", strings.Join(want, " "))
}

// close removes the parent groups. They are empty but for what removal in the
// background left.
func (c *cgroups) close() error {
	var errs []error
	for _, p := range c.parents() {
		errs = append(errs, c.remove(p, removeTimeout))
	}
	return errors.Join(errs...)
}

// group is one box's cgroup, in every hierarchy under the same name.
type group struct {
	c    *cgroups
	name string
	oom  int64 // out-of-memory kills before the box ran anything
	most int64 // bytes that the box's own processes may use

	watched *watched // nil: the kernel counts
}

// create makes a box's group and sets its limits.
func (c *cgroups) create(name string, l sandbox.Limits) (*group, error) {
	g := &group{c: c, name: name}
	for _, p := range c.parents() {
		if err := c.mkdir(filepath.Join(p, name)); err != nil {
			return g, err
		}
	}
	return g, g.limit(l)
}

func (g *group) limit(l sandbox.Limits) error {
	g.most = int64(l.MemoryMB) << 20
	if g.watched != nil {
		g.watched.most.Store(g.most)
	}
	memory := strconv.FormatInt(int64(l.MemoryMB)<<20+initMemory, 10)
	pids := strconv.Itoa(l.PIDs + initPIDs)
	var settings [][3]string // parent, file, value
	if g.c.v2 {
		settings = [][3]string{
			{g.c.memory, "memory.max", memory},
			{g.c.cpu, "cpu.weight", strconv.Itoa(weightV2(l.CPUWeight))},
		}
		if g.c.swap {
			settings = append(settings, [3]string{g.c.memory, "memory.swap.max", "0"})
		}
	} else {
		settings = [][3]string{
			{g.c.memory, "memory.limit_in_bytes", memory},
			{g.c.cpu, "cpu.shares", strconv.Itoa(max(2, l.CPUWeight))},
		}
		if g.c.swap { // memory and swap together; must not be below the memory limit
			settings = append(settings, [3]string{g.c.memory, "memory.memsw.limit_in_bytes", memory})
		}
		if g.c.sockets {
			sockets := strconv.FormatInt(int64(max(l.MemoryMB/4, minSocketMB))<<20, 10)
			settings = append(settings, [3]string{g.c.memory, socketLimit, sockets})
		}
	}
	settings = append(settings, [3]string{g.c.pids, "pids.max", pids})
	for _, s := range settings {
		if s[0] == "" {
			continue
		}
		if err := g.c.write(filepath.Join(s[0], g.name), s[1], s[2]); err != nil {
			return err
		}
	}
	g.oom = g.oomKills()
	return nil
}

// quotaPeriod is the time a quota is shared out over: short enough that nobody
// waits long for the next.
const quotaPeriod = 100 * time.Millisecond

// errNoQuota is a quota where the kernel has none.
var errNoQuota = errors.New("this host cannot limit CPU time (cgroup cpu controller with CFS bandwidth)")

// quota limits the CPU time to so many thousandths of a core; 0 = no limit.
func (g *group) quota(thousandths int) error {
	period := quotaPeriod.Microseconds()
	share := int64(thousandths) * period / 1000
	file, unlimited := "cpu.cfs_quota_us", "-1"
	if g.c.v2 {
		file, unlimited = "cpu.max", "max"
	}
	dir := filepath.Join(g.c.cpu, g.name)
	if g.c.cpu == "" || !exists(filepath.Join(dir, file)) {
		if thousandths == 0 {
			return nil
		}
		return errNoQuota
	}
	value := unlimited
	if thousandths > 0 {
		value = strconv.FormatInt(max(share, 1000), 10) // the kernel's least is 1 ms
	}
	if g.c.v2 {
		return g.c.write(dir, file, value+" "+strconv.FormatInt(period, 10))
	}
	return g.c.write(dir, file, value) // the period is 100 ms unless told otherwise
}

// weightV2 converts cpu.shares (2 to 262144, 1024 = one vCPU) to cpu.weight
// (1 to 10000), as systemd and the container runtimes do.
func weightV2(shares int) int {
	return 1 + (min(max(shares, 2), 262144)-2)*9999/262142
}

// join moves a process into the group.
func (g *group) join(pid int) error {
	for _, p := range g.c.parents() {
		if err := g.c.write(filepath.Join(p, g.name), "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	if g.c.watch == nil {
		return nil
	}
	var err error
	g.watched, err = g.c.watch.begin(pid, g.most)
	return err
}

// kill ends all processes of the group at once, and reports whether it could.
func (g *group) kill() bool {
	return g.c.unified != "" && g.c.write(filepath.Join(g.c.unified, g.name), "cgroup.kill", "1") == nil
}

// remove takes the group away in every hierarchy.
func (g *group) remove() error {
	if g.watched != nil {
		g.watched.end()
	}
	errs := []error{g.removeFrozen()}
	for _, p := range g.c.parents() {
		errs = append(errs, g.c.remove(filepath.Join(p, g.name), removeTimeout))
	}
	return errors.Join(errs...)
}

// removeTimeout is how long a group may stay busy after its last process ended.
const removeTimeout = 10 * time.Second

// remove is rmdir with patience: a group is busy until its last process is
// reaped and its last page given back.
func (c *cgroups) remove(dir string, patience time.Duration) error {
	pause := 500 * time.Microsecond
	for deadline := time.Now().Add(patience); ; {
		err := c.rmdir(dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return fmt.Errorf("remove cgroup %s: %w", dir, err)
		}
		time.Sleep(pause)
		pause = min(2*pause, 100*time.Millisecond)
	}
}
