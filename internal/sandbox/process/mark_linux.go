package process

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

// hasMarks tells that processes can be found by their environment.
const hasMarks = true

func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// hideInherited keeps descriptors that ebb was started with, and never knew of,
// from going on into functions. Go's own are not inherited anyway.
func hideInherited() error {
	return unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
}

// limit sets what can be set from outside, a moment after the process started.
// One that is lower already stays.
func limit(pid int, l sandbox.Limits) {
	wanted := map[int]uint64{
		unix.RLIMIT_CORE:   0,
		unix.RLIMIT_NOFILE: uint64(l.Files),
		unix.RLIMIT_FSIZE:  uint64(l.FileSizeMB) << 20,
	}
	for resource, value := range wanted {
		var now unix.Rlimit
		if unix.Prlimit(pid, resource, nil, &now) == nil {
			value = min(value, now.Max)
			_ = unix.Prlimit(pid, resource, &unix.Rlimit{Cur: value, Max: value}, nil)
		}
	}
}

// killMarked kills all processes whose EBB_BOX begins with mark, but those that
// spare tells to, and returns when they are gone or ctx is done. spare gets the
// whole variable.
func killMarked(ctx context.Context, mark string, spare func(marked string) bool) error {
	pause := time.Millisecond
	for {
		left := 0
		for _, pid := range processes() {
			if marked, ok := markOf(pid, mark); ok && !spare(marked) {
				_ = unix.Kill(pid, unix.SIGKILL)
				left++
			}
		}
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d processes of %s do not end: %w", left, mark, ctx.Err())
		case <-time.After(pause):
			pause = min(2*pause, 50*time.Millisecond)
		}
	}
}

// processes lists all but init and ebb itself.
func processes() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid > 1 && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// markOf returns a process's EBB_BOX if it begins with mark. Other users'
// processes cannot be read, and one that has ended has no environment.
func markOf(pid int, mark string) (string, bool) {
	env, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return "", false
	}
	for v := range bytes.SplitSeq(env, []byte{0}) {
		if bytes.HasPrefix(v, []byte(mark)) {
			return string(v), true
		}
	}
	return "", false
}

// usageOf reads a living process's memory and CPU time.
func usageOf(pid int) (u sandbox.Usage) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return u
	}
	for line := range bytes.Lines(status) {
		var kb int64
		if n, _ := fmt.Sscanf(string(line), "VmHWM: %d kB", &kb); n == 1 {
			u.MemoryPeak = kb << 10
		}
		if n, _ := fmt.Sscanf(string(line), "VmRSS: %d kB", &kb); n == 1 {
			u.Memory = kb << 10
		}
	}
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return u
	}
	// The name in parentheses may hold anything; the times are the 12th and 13th
	// field behind it, in ticks of 10 ms.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) > 12 {
		user, _ := strconv.ParseInt(string(fields[11]), 10, 64)
		system, _ := strconv.ParseInt(string(fields[12]), 10, 64)
		u.CPU = time.Duration(user+system) * 10 * time.Millisecond
	}
	u.PIDs = 1
	return u
}

// peakOf is the most memory an ended process had, in bytes.
func peakOf(state *os.ProcessState) int64 {
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		return usage.Maxrss << 10
	}
	return 0
}
