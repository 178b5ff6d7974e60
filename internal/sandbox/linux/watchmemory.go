//go:build linux

package linux

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

// measure sums up what the box's processes have of their own. What two of them
// share counts twice here.
func (b *watched) measure() int64 {
	var sum int64
	for _, pid := range b.members() {
		lines := kilobytes(proc(pid, "status"), "RssAnon:", "RssShmem:", "VmHWM:", "RssFile:")
		sum += lines[0] + lines[1]
		b.raise(lines[2] - lines[3]) // what it had between two looks
	}
	sum += b.shm()
	b.mu.Lock()
	b.now = sum
	b.mu.Unlock()
	b.raise(sum)
	return sum
}

// raise takes what the box is known to have had into its peak. Beyond the limit
// nobody keeps anything.
func (b *watched) raise(bytes int64) {
	bytes = min(bytes, b.most.Load())
	for {
		peak := b.peak.Load()
		if bytes <= peak || b.peak.CompareAndSwap(peak, bytes) {
			return
		}
	}
}

// exact sums up what the box has, with what is shared counted once.
func (b *watched) exact() int64 {
	var own, shared int64
	for _, pid := range b.members() {
		lines := kilobytes(proc(pid, "smaps_rollup"), "Pss_Anon:", "Pss_Shmem:")
		own, shared = own+lines[0], shared+lines[1]
	}
	return own + max(shared, b.shm())
}

// shm is what is in the box's /dev/shm, mapped or not. As long as ebb-init has not
// made its root it sees ours, which is not the box's.
func (b *watched) shm() int64 {
	path := proc(b.init, "root/dev/shm")
	var fs unix.Statfs_t
	var st unix.Stat_t
	if unix.Statfs(path, &fs) != nil || fs.Type != unix.TMPFS_MAGIC || unix.Stat(path, &st) != nil || st.Dev == b.w.shm {
		return 0
	}
	return int64(fs.Blocks-fs.Bfree) * fs.Bsize
}

// had is told what a process used that has ended, with those it waited for.
func (b *watched) had(bytes int64, cpu time.Duration) {
	b.raise(bytes)
	b.mu.Lock()
	b.cpu = max(b.cpu, cpu)
	b.mu.Unlock()
	b.usage() // what ebb-init waited for is still to be read
}

// memory is what the box has and what it had at most, measured now unless it stands
// still.
func (b *watched) memory() (now, peak int64) {
	if b.frozen.Load() {
		b.mu.Lock()
		now = b.now
		b.mu.Unlock()
	} else {
		b.w.mu.Lock()
		if time.Since(b.w.at) > fresh {
			b.w.scan()
		}
		b.w.mu.Unlock()
		now = b.measure()
	}
	return min(now, b.most.Load()), b.peak.Load()
}

// usage reads CPU time and tasks from what /proc says of the box's processes: those
// that ended are counted with who waited for them, in the end with ebb-init.
func (b *watched) usage() (u sandbox.Usage) {
	u.Memory, u.MemoryPeak = b.memory()
	var ticks int64
	for _, pid := range append(slices.Clone(b.members()), b.init) {
		fields := statOf(pid)
		if len(fields) < 18 {
			continue
		}
		for _, f := range fields[11:15] { // utime, stime, cutime, cstime
			n, _ := strconv.ParseInt(string(f), 10, 64)
			ticks += n
		}
		threads, _ := strconv.Atoi(string(fields[17]))
		u.PIDs += threads
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cpu = max(b.cpu, time.Duration(ticks)*(time.Second/clockTicks))
	u.CPU = b.cpu
	return u
}

// statOf are the fields of a process's stat from its state on. (The name before them,
// in brackets, may hold anything.)
func statOf(pid int) [][]byte {
	text, err := os.ReadFile(proc(pid, "stat"))
	if err != nil {
		return nil
	}
	return bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
}

// clockTicks is the unit of CPU time in /proc, the same on every Linux.
const clockTicks = 100

func proc(pid int, file string) string { return "/proc/" + strconv.Itoa(pid) + "/" + file }

// kilobytes reads lines of a file of /proc, in bytes; 0 for what is not there.
func kilobytes(path string, names ...string) []int64 {
	values := make([]int64, len(names))
	text, err := os.ReadFile(path)
	if err != nil {
		return values
	}
	for line := range bytes.Lines(text) {
		for i, name := range names {
			if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
				n, _ := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 64)
				values[i] = n << 10
			}
		}
	}
	return values
}
