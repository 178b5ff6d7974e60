package platform

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Footprint is what a platform holds of the machine.
type Footprint struct {
	Processes  int // ebb and all below it; of Leftovers: members of its cgroups
	Files      int // open file descriptors of ebb itself but for its database's: those are a pool with a bound
	Mounts     int // of the machine, below the data directory
	Loops      int // loop devices whose files lie below the data directory
	Cgroups    int // directories of the machine's cgroup trees that carry this data directory's mark
	Namespaces int // network namespaces of the processes below ebb, other than its own
}

// Footprint reads what p holds now.
func (p *Platform) Footprint() (Footprint, error) {
	f, err := Leftovers(p.Data)
	if err != nil {
		return f, err
	}
	tree, err := ProcessTree(p.PID())
	if err != nil {
		return f, err
	}
	f.Processes = len(tree)
	f.Namespaces = namespaces(p.PID(), tree)
	f.Files, err = files(p.PID(), filepath.Join(p.Data, "ebb.db"))
	return f, err
}

// files counts the open files of a process but for those whose path begins with
// except.
func files(pid int, except string) (count int, err error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := os.ReadDir(dir)
	for _, fd := range fds {
		to, err := os.Readlink(filepath.Join(dir, fd.Name()))
		if err == nil && !strings.HasPrefix(to, except) {
			count++
		}
	}
	return count, err
}

// namespaces counts the network namespaces of tree that are not root's own.
func namespaces(root int, tree []Process) int {
	seen := make(map[string]bool)
	for _, p := range tree {
		if ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", p.PID)); err == nil {
			seen[ns] = true // one that ended meanwhile has none
		}
	}
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", root))
	if err == nil {
		delete(seen, own)
	}
	return len(seen)
}

// Leftovers reads what the machine holds for a data directory, whether or not
// an ebb runs on it.
func Leftovers(data string) (Footprint, error) {
	var f Footprint
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return f, err
	}
	f.Mounts = strings.Count(string(mounts), " "+data+"/")
	dirs, members, err := groups(string(mounts), mark(data))
	if err != nil {
		return f, err
	}
	f.Cgroups, f.Processes = dirs, len(members)
	f.Loops, err = loops(data)
	return f, err
}

// Members lists the processes in the boxes of a data directory, PID 1 of each
// included, also of an ebb that is gone. It is empty where boxes have no cgroup.
func Members(data string) ([]int, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	_, members, err := groups(string(mounts), mark(data))
	return slices.Collect(maps.Keys(members)), err
}

// mark is how the name of the cgroup begins that all boxes of a data directory
// are in.
func mark(data string) string {
	sum := sha256.Sum256([]byte(filepath.Clean(data)))
	return "ebb-" + hex.EncodeToString(sum[:4])
}

// groups counts the directories whose names begin with name, and those below them, in all cgroup
// trees of the machine, and collects the processes in them.
func groups(mounts, name string) (dirs int, members map[int]bool, err error) {
	members = make(map[int]bool)
	visit := func(path string, d fs.DirEntry, err error) error {
		if gone(err) {
			return nil
		}
		if err != nil || !d.IsDir() || !strings.Contains(path+"/", "/"+name) {
			return err
		}
		dirs++
		procs, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		for _, text := range strings.Fields(string(procs)) {
			if pid, err := strconv.Atoi(text); err == nil && pid > 0 {
				members[pid] = true
			}
		}
		if gone(err) {
			return nil
		}
		return err
	}
	for line := range strings.Lines(mounts) {
		before, after, ok := strings.Cut(line, " - ")
		if fields := strings.Fields(before); ok && strings.HasPrefix(after, "cgroup") && len(fields) > 4 {
			if err := filepath.WalkDir(fields[4], visit); err != nil {
				return dirs, members, err
			}
		}
	}
	return dirs, members, nil
}

// gone reports whether something was removed while we looked at it.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) }

func loops(data string) (int, error) {
	devices, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	count := 0
	for _, d := range devices {
		backing, err := os.ReadFile(d)
		if err == nil && strings.HasPrefix(string(backing), data+"/") {
			count++
		}
	}
	return count, err
}

// Logged says that no file of the functions' logs has a text yet. A platform that is
// killed loses what it has not written, and its absence would prove nothing.
func (p *Platform) Logged(text string) error {
	files, err := filepath.Glob(filepath.Join(p.Data, "logs/*/*/*.log"))
	for _, file := range files {
		if got, err := os.ReadFile(file); err == nil && bytes.Contains(got, []byte(text)) {
			return nil
		}
	}
	return errors.Join(err, fmt.Errorf("no log file has %q", text))
}

// Remove removes a data directory, also for a user to whom its unpacked packages
// are read-only.
func Remove(dir string) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, os.RemoveAll(dir))
}
