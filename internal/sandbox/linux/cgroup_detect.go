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

// hierarchies is where the machine's cgroups are, as /proc says, and which group
// we are in.
type hierarchies struct {
	mountinfo string // /proc/self/mountinfo
	self      string // /proc/self/cgroup
	prefix    string // put before every path, "" outside tests
	outer     int    // as Config.Outer

	mkdir, rmdir func(dir string) error // as in cgroups
	write        func(dir, file, value string) error
}

func readHierarchies() (hierarchies, error) {
	mountinfo, err1 := os.ReadFile("/proc/self/mountinfo")
	self, err2 := os.ReadFile("/proc/self/cgroup")
	return hierarchies{
		mountinfo: string(mountinfo), self: string(self),
		mkdir: mkdir, rmdir: unix.Rmdir, write: write,
	}, errors.Join(err1, err2)
}

// own returns the directory of our own group in the hierarchy of a v1
// controller, or in the unified one for "". It is "" where there is none.
func (h hierarchies) own(controller string) string {
	path, ok := h.path(controller)
	if !ok {
		return ""
	}
	for line := range strings.Lines(h.mountinfo) {
		before, after, ok := strings.Cut(strings.TrimSpace(line), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 {
			continue
		}
		root, point := unescape(left[3]), unescape(left[4])
		is := right[0] == "cgroup2"
		if controller != "" {
			is = right[0] == "cgroup" && contains(strings.Split(right[2], ","), controller)
		}
		rel, below := cutPath(path, root)
		if !is || !below {
			continue
		}
		dir := filepath.Join(h.prefix, point, rel)
		if st, err := os.Stat(dir); err == nil && st.IsDir() {
			return dir
		}
	}
	return ""
}

// roots lists where the hierarchies are mounted, each once.
func (h hierarchies) roots() (list []string) {
	for line := range strings.Lines(h.mountinfo) {
		before, after, ok := strings.Cut(strings.TrimSpace(line), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 1 || right[0] != "cgroup" && right[0] != "cgroup2" {
			continue
		}
		if point := filepath.Join(h.prefix, unescape(left[4])); !contains(list, point) {
			list = append(list, point)
		}
	}
	return list
}

// path returns our group's path in a hierarchy.
func (h hierarchies) path(controller string) (string, bool) {
	for line := range strings.Lines(h.self) {
		p := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(p) != 3 {
			continue
		}
		if controller == "" && p[0] == "0" || controller != "" && contains(strings.Split(p[1], ","), controller) {
			return p[2], true
		}
	}
	return "", false
}

// cutPath returns path relative to root, if it is root or below it.
func cutPath(path, root string) (string, bool) {
	if root == "/" {
		return path, true
	}
	rest, ok := strings.CutPrefix(path, root)
	return rest, ok && (rest == "" || rest[0] == '/')
}

// unescape undoes what the kernel does to blanks in mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// detectCgroups finds the best the host offers: controllers on the unified
// hierarchy, else v1 controllers with the unified one beside them, else v1
// alone. Parent groups are named name; open makes them. notes say what could not
// be used and why.
func detectCgroups(h hierarchies, name string) (c *cgroups, notes []string) {
	c = &cgroups{mkdir: h.mkdir, rmdir: h.rmdir, write: h.write, swaps: swapOn(h.prefix), outer: h.outer}
	// handDown may have moved us down, earlier in this process's life.
	unified := strings.TrimSuffix(h.own(""), "/"+selfGroup)
	if unified != "" {
		c.unified = filepath.Join(unified, name)
		notes = c.detectV2(unified, name)
	}
	if !c.v2 {
		c.detectV1(h, name)
	}
	return c, notes
}

// selfGroup is the child of our own group that ebb moves to where it must.
const selfGroup = "ebb-self"

func mkdir(path string) error { return unix.Mkdir(path, 0o755) }

// detectV1 looks for each controller's own hierarchy.
func (c *cgroups) detectV1(h hierarchies, name string) {
	find := func(controller string) string {
		if own := h.own(controller); own != "" {
			return filepath.Join(own, name)
		}
		return ""
	}
	c.memory, c.cpu, c.pids = find("memory"), find("cpu"), find("pids")
	if c.unified == "" {
		c.cpuacct, c.freezer = find("cpuacct"), find("freezer")
	}
}

// detectV2 uses the controllers of the unified hierarchy, if there are
// any and we may hand them down. notes say why not.
func (c *cgroups) detectV2(own, name string) (notes []string) {
	b, err := os.ReadFile(filepath.Join(own, "cgroup.controllers"))
	if err != nil {
		return nil
	}
	has := strings.Fields(string(b))
	if !contains(has, "memory") && !contains(has, "cpu") && !contains(has, "pids") {
		return nil // a hybrid host: the controllers are on v1
	}
	dir := filepath.Join(own, name)
	pick := func(controller string) string {
		if contains(has, controller) {
			return dir
		}
		return ""
	}
	c.v2, c.memory, c.cpu, c.pids = true, pick("memory"), pick("cpu"), pick("pids")
	if err := c.handDown(own); err != nil {
		c.memory, c.cpu, c.pids = "", "", ""
		return []string{"cgroup delegation: " + err.Error() + "; start ebb in a group of its own (systemd: Delegate=yes)"}
	}
	return nil
}

// handDown enables the controllers for the children of our own group. A group
// with processes may not do that, so ebb first moves into a child.
func (c *cgroups) handDown(own string) error {
	err := c.delegate(own)
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	leaf := filepath.Join(own, selfGroup)
	if err := c.mkdir(leaf); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	for _, pid := range []int{os.Getpid(), c.outer} {
		if pid == 0 {
			continue
		}
		if err := c.write(leaf, "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return c.delegate(own)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// swapOn reports whether the machine swaps at all.
func swapOn(prefix string) bool {
	b, err := os.ReadFile(filepath.Join(prefix, "/proc/swaps"))
	return err == nil && strings.Count(string(b), "\n") > 1
}
