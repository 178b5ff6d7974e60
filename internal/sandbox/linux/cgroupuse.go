//go:build linux

package linux

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

// hitMemoryLimit reports whether a process was killed for the group's memory.
func (g *group) hitMemoryLimit() bool { return g.oomKills() > g.oom }

func (g *group) oomKills() int64 {
	switch {
	case g.watched != nil:
		return g.watched.kills.Load()
	case g.c.memory == "":
		return 0
	}
	file := "memory.oom_control"
	if g.c.v2 {
		file = "memory.events"
	}
	return keyed(filepath.Join(g.c.memory, g.name, file), "oom_kill")
}

// usage reads what the group has used.
func (g *group) usage() sandbox.Usage {
	var u sandbox.Usage
	if g.watched != nil {
		u = g.watched.usage()
	} else {
		u.Memory, u.MemoryPeak = g.memory("memory.current", "memory.usage_in_bytes"), g.memoryPeak()
	}
	switch {
	case g.c.unified != "":
		u.CPU = time.Duration(keyed(filepath.Join(g.c.unified, g.name, "cpu.stat"), "usage_usec")) * time.Microsecond
	case g.c.cpuacct != "":
		u.CPU = time.Duration(number(filepath.Join(g.c.cpuacct, g.name), "cpuacct.usage"))
	}
	if g.c.pids != "" {
		u.PIDs = int(number(filepath.Join(g.c.pids, g.name), "pids.current"))
	}
	return u
}

// memoryPeak is the most memory that the group has used at once, in bytes.
func (g *group) memoryPeak() int64 {
	if g.watched != nil {
		_, peak := g.watched.memory()
		return peak
	}
	return g.memory("memory.peak", "memory.max_usage_in_bytes")
}

// had is told what a process of the group used that has ended.
func (g *group) had(bytes int64, cpu time.Duration) {
	if g.watched != nil {
		g.watched.had(bytes, cpu)
	}
}

// memory reads a file of the memory controller, by its names in cgroup v2 and v1.
// What is beyond the limit is ebb-init's share, see initMemory.
func (g *group) memory(v2, v1 string) int64 {
	if g.c.v2 {
		v1 = v2
	}
	return min(number(filepath.Join(g.c.memory, g.name), v1), g.most) // without the controller 0
}

// write sets a file of a cgroup. It never creates one: a missing file means that
// the kernel does not have it.
func write(dir, file, value string) error {
	fd, err := unix.Open(filepath.Join(dir, file), unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		_, err = unix.Write(fd, []byte(value))
		_ = unix.Close(fd)
	}
	if err != nil {
		return fmt.Errorf("cgroup: write %q to %s/%s: %w", value, dir, file, err)
	}
	return nil
}

func number(dir, file string) int64 {
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n
}

// keyed reads the value of a key in a file of "key value" lines.
func keyed(path, key string) int64 {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), " "); ok && k == key {
			n, _ := strconv.ParseInt(v, 10, 64)
			return n
		}
	}
	return 0
}
