//go:build linux

package linux

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// kernel plays the kernel's part in a directory: groups come with their files,
// and a v2 group with processes does not hand controllers down.
type kernel struct {
	t      *testing.T
	root   string
	writes []string // group/file=value, in order
}

// newKernel has one v2 hierarchy with our process in the group own.
func newKernel(t *testing.T, own, controllers string) (*kernel, hierarchies) {
	t.Helper()
	k := &kernel{t: t, root: t.TempDir()}
	h := hierarchies{
		mountinfo: "22 27 0:21 / /proc rw - proc proc rw\n31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
		self:      "0::" + own + "\n", prefix: k.root, mkdir: k.mkdir, rmdir: k.rmdir, write: k.write,
	}
	if err := os.MkdirAll(filepath.Join(k.root, "sys/fs/cgroup"), 0o755); err != nil {
		t.Fatal(err)
	}
	for dir := k.path(""); own != "/" && own != ""; {
		var name string
		name, own, _ = strings.Cut(own[1:], "/")
		own = "/" + own
		dir = filepath.Join(dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		k.file(dir, "cgroup.controllers", controllers)
		k.file(dir, "cgroup.subtree_control", "")
		k.file(dir, "cgroup.procs", "")
	}
	if dir := h.own(""); dir != "" {
		k.file(dir, "cgroup.controllers", controllers)
		k.file(dir, "cgroup.subtree_control", "")
		k.file(dir, "cgroup.procs", strconv.Itoa(os.Getpid())+"\n")
	}
	return k, h
}

func (k *kernel) path(group string) string { return filepath.Join(k.root, "sys/fs/cgroup", group) }

func (k *kernel) file(dir, name, content string) {
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kernel) mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	files := []string{"cgroup.procs", "cgroup.controllers", "cgroup.subtree_control", "cgroup.kill", "cpu.stat"}
	given, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	for _, controller := range strings.Fields(string(given)) {
		files = append(files, map[string][]string{
			"memory": {"memory.max", "memory.swap.max", "memory.current", "memory.peak", "memory.events"},
			"cpu":    {"cpu.weight", "cpu.max"},
			"pids":   {"pids.max", "pids.current"},
		}[controller]...)
	}
	for _, name := range files {
		k.file(dir, name, "")
	}
	return nil
}

func (k *kernel) rmdir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			return unix.EBUSY
		}
	}
	return os.RemoveAll(dir)
}

func (k *kernel) write(dir, file, value string) error {
	if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
		return err
	}
	group, _ := filepath.Rel(k.path(""), dir)
	switch file {
	case "cgroup.subtree_control":
		procs, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			return err
		}
		if len(procs) > 0 && group != "." {
			return unix.EBUSY
		}
		value = strings.ReplaceAll(value, "+", "")
	case "cgroup.procs":
		k.leave(value)
	}
	k.writes = append(k.writes, group+"/"+file+"="+value)
	k.file(dir, file, value)
	return nil
}

// leave takes a process out of the group it was in.
func (k *kernel) leave(pid string) {
	err := filepath.WalkDir(k.path(""), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "cgroup.procs" {
			if b, _ := os.ReadFile(path); strings.TrimSpace(string(b)) == pid {
				k.file(filepath.Dir(path), "cgroup.procs", "")
			}
		}
		return err
	})
	if err != nil {
		k.t.Fatal(err)
	}
}

func TestCgroupV2(t *testing.T) {
	k, h := newKernel(t, "/system.slice/ebb.service", "cpuset cpu io memory hugetlb pids")
	c, notes := detectCgroups(h, "ebb-x")
	lacking, err := c.open()
	if err != nil || len(notes)+len(lacking) != 0 || !c.v2 || c.level() != "cgroup v2" {
		t.Fatalf("open: %v, notes %q %q, %+v", err, notes, lacking, c)
	}
	g, err := c.create("box", sandbox.Limits{MemoryMB: 128, CPUWeight: 1024, PIDs: 100})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.join(4711); err != nil {
		t.Fatal(err)
	}
	own := "system.slice/ebb.service"
	for _, want := range []string{
		own + "/ebb-self/cgroup.procs=" + strconv.Itoa(os.Getpid()), // a group with processes hands nothing down
		own + "/cgroup.subtree_control=memory cpu pids",
		own + "/ebb-x/cgroup.subtree_control=memory cpu pids",
		own + "/ebb-x/box/memory.max=" + strconv.Itoa(128<<20+initMemory),
		own + "/ebb-x/box/memory.swap.max=0",
		own + "/ebb-x/box/cpu.weight=39",
		own + "/ebb-x/box/pids.max=" + strconv.Itoa(100+initPIDs),
		own + "/ebb-x/box/cgroup.procs=4711",
	} {
		if !slices.Contains(k.writes, want) {
			t.Errorf("not written: %s; but %q", want, k.writes)
		}
	}
	dir := k.path(own + "/ebb-x/box")
	k.file(dir, "memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\noom_group_kill 0\n")
	k.file(dir, "memory.peak", "1000\n")
	k.file(dir, "memory.current", "900\n")
	k.file(dir, "cpu.stat", "usage_usec 2500\nuser_usec 2000\n")
	k.file(dir, "pids.current", "7\n")
	if !g.hitMemoryLimit() {
		t.Error("the memory limit was hit but it does not show")
	}
	want := sandbox.Usage{MemoryPeak: 1000, Memory: 900, CPU: 2500 * time.Microsecond, PIDs: 7}
	if u := g.usage(); u != want {
		t.Errorf("usage is %+v", u)
	}
	if err := errors.Join(g.quota(1500), g.quota(1), g.quota(0)); err != nil {
		t.Errorf("quota: %v", err)
	}
	for _, want := range []string{"150000 100000", "1000 100000", "max 100000"} {
		if !slices.Contains(k.writes, own+"/ebb-x/box/cpu.max="+want) {
			t.Errorf("cpu.max was never %q: %q", want, k.writes)
		}
	}
	if !g.kill() || !slices.Contains(k.writes, own+"/ebb-x/box/cgroup.kill=1") {
		t.Error("cgroup.kill was not used")
	}
	if err := errors.Join(g.remove(), c.close()); err != nil || exists(k.path(own+"/ebb-x")) {
		t.Errorf("remove: %v", err)
	}
}

// TestCgroupV2Again: the second driver of a process finds itself moved down.
func TestCgroupV2Again(t *testing.T) {
	k, h := newKernel(t, "/ebb.service", "cpu memory pids")
	if _, notes := detectCgroups(h, "ebb-x"); len(notes) != 0 {
		t.Fatal(notes)
	}
	h.self = "0::/ebb.service/ebb-self\n"
	c, notes := detectCgroups(h, "ebb-y")
	if len(notes) != 0 || c.unified != k.path("ebb.service/ebb-y") {
		t.Errorf("unified is %s, notes %q", c.unified, notes)
	}
}

// TestCgroupV2Refused: others' processes are in our group, so it stays as it is,
// and that is said.
func TestCgroupV2Refused(t *testing.T) {
	k, h := newKernel(t, "/user.slice/session", "cpu memory pids")
	k.file(k.path("user.slice/session"), "cgroup.procs", "1\n2\n")
	c, notes := detectCgroups(h, "ebb-x")
	lacking, err := c.open()
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "Delegate=yes") || len(lacking) != 3 {
		t.Fatalf("open: %v, notes %q, lacking %q", err, notes, lacking)
	}
	g, err := c.create("box", sandbox.Limits{}.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(g.join(1), g.remove(), c.close()); err != nil {
		t.Error(err)
	}
}

// TestCgroupUnwritable: a hierarchy where we may make no group is given up, the
// others are used.
func TestCgroupUnwritable(t *testing.T) {
	_, h := newKernel(t, "/", "")
	h.mkdir = func(string) error { return unix.EROFS }
	c, _ := detectCgroups(h, "ebb-x")
	notes, err := c.open()
	if err != nil || len(c.parents()) != 0 || len(notes) != 5 || !strings.Contains(notes[0], "read-only") {
		t.Errorf("open: %v, %q, %+v", err, notes, c)
	}
	if c.level() != "no cgroup limits" {
		t.Errorf("level is %s", c.level())
	}
}

func TestDetectHybridAndV1(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"memory/docker/abc", "cpu,cpuacct", "pids/own", "unified"} {
		if err := os.MkdirAll(filepath.Join(root, "cg", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "cg/unified/cgroup.controllers"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	h := hierarchies{
		prefix: root,
		mountinfo: `1 0 0:1 / /cg/memory rw - cgroup cgroup rw,memory
2 0 0:2 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpuacct,cpu
3 0 0:3 /outer /cg/pids rw - cgroup cgroup rw,pids
`,
		self: "4:memory:/docker/abc\n3:pids:/outer/own\n2:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n",
	}
	c, notes := detectCgroups(h, "e")
	want := cgroups{
		memory: root + "/cg/memory/docker/abc/e", cpu: root + "/cg/cpu,cpuacct/e",
		cpuacct: root + "/cg/cpu,cpuacct/e", pids: root + "/cg/pids/own/e",
	}
	if c.v2 || c.memory != want.memory || c.cpu != want.cpu || c.cpuacct != want.cpuacct || c.pids != want.pids || c.unified != "" || notes != nil {
		t.Errorf("v1: %+v, notes %q", c, notes)
	}
	if len(c.parents()) != 3 { // cpu and cpuacct are one
		t.Errorf("parents are %q", c.parents())
	}
	h.mountinfo += "4 0 0:4 / /cg/unified rw - cgroup2 cgroup2 rw\n"
	c, _ = detectCgroups(h, "e")
	if c.v2 || c.unified != root+"/cg/unified/e" || c.cpuacct != "" || c.memory != want.memory {
		t.Errorf("hybrid: %+v", c)
	}
}

func TestWeightV2(t *testing.T) {
	for shares, want := range map[int]int{0: 1, 2: 1, 1024: 39, 262144: 10000, 1 << 30: 10000} {
		if got := weightV2(shares); got != want {
			t.Errorf("%d shares are weight %d, want %d", shares, got, want)
		}
	}
}

// TestRealLimits reads back what the kernel holds of a box.
func TestRealLimits(t *testing.T) {
	b := opened(t)
	d := b.Driver.(*Driver)
	if d.groups.v2 || d.groups.memory == "" {
		t.Skip("reads v1 files")
	}
	box := b.Box(t, "real", sandbox.Limits{MemoryMB: 100, CPUWeight: 333, PIDs: 50})
	sandboxtest.Start(t, box, "sleep")
	sandboxtest.Expect(t, box, "ready\n")
	for _, want := range []struct {
		parent, file string
		value        int64
	}{
		{d.groups.memory, "memory.limit_in_bytes", 100<<20 + initMemory},
		{d.groups.memory, "memory.memsw.limit_in_bytes", 100<<20 + initMemory},
		{d.groups.cpu, "cpu.shares", 333},
		{d.groups.pids, "pids.max", 50 + initPIDs},
	} {
		if got := number(filepath.Join(want.parent, "real"), want.file); got != want.value {
			t.Errorf("%s is %d, want %d", want.file, got, want.value)
		}
	}
	if u := box.Usage(); u.PIDs < 2 || u.Memory == 0 {
		t.Errorf("usage is %+v", u)
	}
}

// TestLesserHosts runs a box where one thing after the other is missing.
func TestLesserHosts(t *testing.T) {
	probe := sandboxtest.BuildProbe(t)
	lesser := map[string]func(t *testing.T, d *Driver){
		"V1Only": func(t *testing.T, d *Driver) {
			h, err := readHierarchies()
			if err != nil {
				t.Fatal(err)
			}
			h.mountinfo = strings.ReplaceAll(h.mountinfo, " - cgroup2 ", " - none ")
			regroup(t, d, h)
		},
		"NoCgroups": func(t *testing.T, d *Driver) { regroup(t, d, hierarchies{}) },
		"NoLoop": func(_ *testing.T, d *Driver) {
			d.tmp.close()
			d.tmp = nil
		},
	}
	for name, lessen := range lesser {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d := open(t, dir)
			lessen(t, d)
			b := sandboxtest.Boxes{Driver: d, Probe: probe}
			out, exit := b.Run(t, "lesser", sandbox.Limits{FileSizeMB: 4}, "write", "/tmp/x")
			if out != "written /tmp/x\n" || exit != (sandbox.Exit{}) {
				t.Errorf("output %q, exit %+v", out, exit)
			}
			out, _ = b.Run(t, "lesser-pids", sandbox.Limits{PIDs: 40}, "fork", "60")
			if !strings.Contains(out, "resource temporarily unavailable") {
				t.Errorf("40 processes are the limit, but: %q", out)
			}
			if err := d.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if left, _ := filepath.Glob(d.plainTmp("*")); len(left) != 0 {
				t.Errorf("directories are left: %q", left)
			}
			wantNothing(t, dir)
		})
	}
}

func regroup(t *testing.T, d *Driver, h hierarchies) {
	t.Helper()
	if err := d.groups.close(); err != nil {
		t.Fatal(err)
	}
	d.groups, _ = detectCgroups(h, parentName(d.cfg.Dir))
	if _, err := d.groups.open(); err != nil {
		t.Fatal(err)
	}
}
