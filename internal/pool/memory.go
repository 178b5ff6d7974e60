package pool

import (
	"bytes"
	"os"
	"path"
	"strconv"
	"strings"
)

// SystemMemory reads what the node has: the machine's memory, or less if the
// control group that ebb runs in, or one above it, is limited. It is false where
// there is no /proc.
func SystemMemory() (Memory, bool) { return readMemory("/") }

// readMemory is SystemMemory below root, "/" outside tests.
func readMemory(root string) (Memory, bool) {
	text, err := os.ReadFile(path.Join(root, "proc/meminfo"))
	if err != nil {
		return Memory{}, false
	}
	m := Memory{Total: keyed(text, "MemTotal:") << 10, Available: keyed(text, "MemAvailable:") << 10}
	if m.Total == 0 || m.Available == 0 {
		return Memory{}, false
	}
	groups, err := os.ReadFile(path.Join(root, "proc/self/cgroup"))
	if err != nil {
		return m, true // no control groups
	}
	for line := range strings.Lines(string(groups)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		switch {
		case part[0] == "0":
			m.bound(path.Join(root, "sys/fs/cgroup"), part[2], "memory.max", "memory.current", "inactive_file")
		case part[1] == "memory":
			m.bound(path.Join(root, "sys/fs/cgroup/memory"), part[2], "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
		}
	}
	return m, true
}

// bound lowers m to what the group and those above it leave. Cache that nobody
// uses counts as free, as it does for the machine.
func (m *Memory) bound(mount, group, limit, usage, cache string) {
	for dir := path.Clean("/" + group); ; dir = path.Dir(dir) {
		if most, ok := number(path.Join(mount, dir, limit)); ok && most < m.Total {
			used, _ := number(path.Join(mount, dir, usage))
			stat, _ := os.ReadFile(path.Join(mount, dir, "memory.stat"))
			m.Total = most
			m.Available = min(m.Available, max(0, most-used+keyed(stat, cache)))
		}
		if dir == "/" {
			return
		}
	}
}

func number(file string) (int64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64) // "max" is no number: no limit
	return n, err == nil
}

// keyed reads the number after a key in lines of "key number".
func keyed(text []byte, key string) int64 {
	for line := range bytes.Lines(text) {
		if f := bytes.Fields(line); len(f) >= 2 && string(f[0]) == key {
			n, _ := strconv.ParseInt(string(f[1]), 10, 64)
			return n
		}
	}
	return 0
}
