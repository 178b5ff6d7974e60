package artifact

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// childEnv makes the test binary run fullDiskChild instead of its tests: the
// limit on file sizes that stands for a full disk holds for a whole process.
const childEnv = "EBB_ARTIFACT_FULL_DISK"

func TestFullDisk(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	zeros := strings.Repeat("\x00", 256<<10)
	cases := map[string][]byte{
		// The limit in the child is 64 KiB.
		"while receiving": makeZip(t, item{name: "x", body: "x"}, item{name: "pad", body: random(100 << 10)}),
		"while unpacking": makeZip(t, item{name: "small", body: "x"}, item{name: "large", body: zeros}),
	}
	for name, b := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), childEnv+"="+dir)
			cmd.Stdin = bytes.NewReader(b)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			// What was refused for want of space can be put once there is some.
			s := openStore(t, Config{Dir: dir})
			if left := stored(t, s); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			put(t, s, b)
		})
	}
}

func fullDiskChild(dir string) int {
	fail := func(format string, args ...any) int {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
		return 1
	}
	signal.Ignore(syscall.SIGXFSZ)
	lim := syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &lim); err != nil {
		return fail("setrlimit: %v", err)
	}
	s, err := Open(Config{Dir: dir})
	if err != nil {
		return fail("open: %v", err)
	}
	_, err = s.Put(background(), os.Stdin)
	if ebb.KindOf(err) != ebb.Unavailable || !strings.Contains(err.Error(), "no space left on device") {
		return fail("put: %v", err)
	}
	for _, sub := range []string{packagesDir, unpackedDir} {
		if names, err := s.names(sub); err != nil || len(names) > 0 {
			return fail("%s holds %v (%v)", sub, names, err)
		}
	}
	if s.Stored() != 0 {
		return fail("%d bytes counted", s.Stored())
	}
	return 0
}

// random is text that deflate cannot shrink.
func random(n int) string {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return string(b)
}
