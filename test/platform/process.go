package platform

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"
)

// ticks is the kernel's clock tick, which /proc counts CPU time in.
const ticks = 100

// Process is one process as /proc tells of it.
type Process struct {
	PID, Parent int
	CPU         time.Duration // user and system, its own and that of children it has waited for
	Began       uint64        // clock tick of its start: with PID, it names one process for good
}

// Alive reports whether this very process still exists and is not a zombie.
func (p Process) Alive() bool {
	now, err := readProcess(p.PID)
	return err == nil && now.Began == p.Began && Alive(p.PID)
}

// Command is the command line of a process, "" if it is gone.
func (p Process) Command() string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
	if err != nil {
		return ""
	}
	return string(bytes.TrimRight(bytes.ReplaceAll(text, []byte{0}, []byte{' '}), " "))
}

// ProcessTree returns the process root and everything below it.
func ProcessTree(root int) ([]Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]Process)
	var tree []Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		p, err := readProcess(pid)
		if err != nil {
			continue // it ended meanwhile
		}
		if pid == root {
			tree = append(tree, p)
		}
		children[p.Parent] = append(children[p.Parent], p)
	}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i].PID]...)
	}
	return tree, nil
}

// TreeCPU is the CPU time of the process root and everything below it.
func TreeCPU(root int) (time.Duration, error) {
	tree, err := ProcessTree(root)
	var sum time.Duration
	for _, p := range tree {
		sum += p.CPU
	}
	return sum, err
}

func readProcess(pid int) (Process, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Process{}, err
	}
	// The command name may hold anything; the fields after its last ) do not.
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(f) < 20 {
		return Process{}, errors.New("short stat")
	}
	p := Process{PID: pid}
	p.Parent, _ = strconv.Atoi(string(f[1]))
	p.Began, _ = strconv.ParseUint(string(f[19]), 10, 64)
	for _, i := range []int{11, 12, 13, 14} { // utime stime cutime cstime
		n, _ := strconv.ParseInt(string(f[i]), 10, 64)
		p.CPU += time.Duration(n) * time.Second / ticks
	}
	return p, nil
}

// Memory is the resident (RSS) and proportional (PSS) memory of a process, bytes.
func Memory(pid int) (rss, pss int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range bytes.Lines(text) {
		f := bytes.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(string(f[1]), 10, 64)
		switch string(f[0]) {
		case "Rss:":
			rss = n << 10
		case "Pss:":
			pss = n << 10
		}
	}
	return rss, pss, nil
}

// Alive reports whether a process exists and is not a zombie.
func Alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, fs.ErrNotExist) || err != nil {
		return false
	}
	rest := bytes.TrimSpace(stat[bytes.LastIndexByte(stat, ')')+1:])
	return len(rest) > 0 && rest[0] != 'Z'
}
