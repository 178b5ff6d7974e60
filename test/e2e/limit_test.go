package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// overstep goes beyond each limit that an instance has, and says what it met.
const overstep = `
import os, resource, threading
def met(do):
    try:
        return do()
    except (OSError, RuntimeError) as e:
        return getattr(e, "strerror", None) or str(e)
def threads():
    stop, many = threading.Event(), []
    try:
        for _ in range(200):
            t = threading.Thread(target=stop.wait)
            t.start()
            many.append(t)
    finally:
        stop.set()
        for t in many: t.join()
    return "200 threads"
def files():
    held = []
    try:
        for _ in range(200): held.append(open("/dev/null"))
    finally:
        for f in held: f.close()
    return "200 files"
def fill(path, mb):
    try:
        with open(path, "wb") as f:
            for _ in range(mb): f.write(b"x" * (1 << 20))
    finally:
        os.remove(path)
    return "%d MB" % mb
def space(path):
    s = os.statvfs(path)
    return s.f_blocks * s.f_frsize >= 700 << 20 and s.f_blocks * s.f_frsize < 800 << 20
def handler(event, context):
    return {"threads": met(threads), "files": met(files), "file": met(lambda: fill("/tmp/x", 12)),
            "shm": met(lambda: fill("/dev/shm/x", 12)), "tmp": space("/tmp")}
`

// TestLimitsOfTheOperator: what the configuration says of processes, files and memory
// files holds in every instance, however it was started, and so does the function's own
// size of /tmp.
func TestLimitsOfTheOperator(t *testing.T) {
	t.Parallel()
	needsBoxes(t)
	want := map[string]any{"threads": "can't start new thread", "files": "Too many open files", "file": "File too large",
		"shm": "No space left on device", "tmp": false}
	for how, more := range map[string]string{"made ahead": "prewarmMin: 2", "not": "prewarmOff: true, zygoteOff: true"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			p := configured(t, "pids: 64, files: 96, fileSizeMB: 8, shmMB: 4, "+more)
			f := python(overstep)
			for _, f.Name = range []string{"one", "two"} { // the second from what is made ahead, the first perhaps
				f.TimeoutS = 60
				must(t, p.Create(t.Context(), f))
				got := decode[map[string]any](t, invoke(t, p, f.Name, "{}"))
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s: %s", f.Name, d)
				}
			}
			f.Name, f.TmpMB = "large", 720
			must(t, p.Create(t.Context(), f))
			if got := decode[map[string]any](t, invoke(t, p, "large", "{}")); got["tmp"] != true {
				t.Errorf("/tmp of 720 MB: %v", got)
			}
		})
	}
}
