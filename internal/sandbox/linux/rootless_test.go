//go:build linux

package linux

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/egress"
	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// rootlessUser is nobody's on any host, and so are the ids from rootlessRange on.
const (
	rootlessUser  = 64321
	rootlessRange = 1500000
)

// Tests that hold where ebb is root of a user namespace only; rangeTests are those
// to which it matters whether boxes have ids of their own.
const (
	rangeTests    = "TestConformance|TestIsolation|TestEscape|TestLimits"
	rootlessTests = rangeTests + "|TestFolder|TestImage|TestAttach|TestAhead|TestCheck|TestCreateGivesUp|" +
		"TestCloseWhileCreating|TestInit|TestKilledDriver|TestNothingLeaks|TestWatch|TestUserNamespace"
)

// TestRootless runs the tests again where ebb is root of a user namespace only: with
// no ids but its own, and with a range.
func TestRootless(t *testing.T) {
	own := syscall.SysProcIDMap{ContainerID: 0, HostID: rootlessUser, Size: 1}
	more := syscall.SysProcIDMap{ContainerID: 1, HostID: rootlessRange, Size: 1 << 16}
	t.Run("OneUser", func(t *testing.T) { inUserNamespace(t, rootlessTests, own) })
	t.Run("Range", func(t *testing.T) { inUserNamespace(t, rangeTests, own, more) })
}

// inUserNamespace runs tests in one of rootlessUser.
func inUserNamespace(t *testing.T, tests string, ids ...syscall.SysProcIDMap) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("it takes root to become somebody else")
	}
	dir, err := os.MkdirTemp("", "ebb-rootless-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	for _, pkg := range []string{"./internal/sandbox/sandboxtest/probe", "./internal/sandbox/linux/escapee"} {
		if err := hosttest.Build(pkg, filepath.Join(dir, filepath.Base(pkg))); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	binary, tmp := filepath.Join(dir, "linux.test"), filepath.Join(dir, "tmp")
	for _, err := range []error{
		os.WriteFile(binary, self, 0o755), os.Chmod(dir, 0o755), os.Mkdir(tmp, 0o700), os.Chown(tmp, rootlessUser, rootlessUser),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "-test.run", "^("+tests+")", "-test.v", "-test.timeout", "7m")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + tmp, "HOME=" + tmp, "EBB_TEST_BUILT=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: len(ids) > 1,
		Credential: &syscall.Credential{NoSetGroups: len(ids) == 1},
	}
	out, err := cmd.CombinedOutput()
	switch {
	case cmd.ProcessState == nil:
		t.Skipf("no user namespaces here: %v", err)
	case err != nil || strings.Count(string(out), "\n--- PASS") < 4:
		t.Errorf("%v\n%s", err, out)
	default:
		t.Logf("%s", out)
	}
}

// TestUserNamespace: without the machine's root a box says so, and what it cannot
// have is refused by name.
func TestUserNamespace(t *testing.T) {
	ids, err := findRootless()
	if err != nil || ids == nil {
		t.Skipf("this is the machine's user namespace (%v)", err)
	}
	b := opened(t)
	l := b.Driver.Level()
	if l.Name != "rootless" || !l.Mounts || l.Forks || !strings.Contains(strings.Join(l.Missing, "\n"), "zygote") {
		t.Errorf("level is %+v", l)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rates"), []byte("1.07"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := sandbox.Mount{Source: dir, Target: "/mnt/data", Folder: &sandbox.Folder{}}
	box := b.Box(t, "folder", sandbox.Limits{}, m)
	sandboxtest.Start(t, box, "cat", "/mnt/data/rates")
	if out := sandboxtest.ReadAll(t, box); out != "1.07" {
		t.Errorf("the folder shows %q", out)
	}
	m.Folder = &sandbox.Folder{Owned: true, UID: 1234, GID: 1234}
	if _, err = b.Driver.Create(t.Context(), sandbox.Spec{ID: "owned", Mounts: []sandbox.Mount{m}}); err == nil || !strings.Contains(err.Error(), errFolderOwner.Error()) {
		t.Errorf("a folder with an owner: %v", err)
	}
	if _, err = b.Driver.Zygote(t.Context(), sandbox.Spec{ID: "z"}, sandbox.Process{Argv: []string{"/bin/true"}, Dir: "/"}); err == nil || !strings.Contains(err.Error(), "machine's root") {
		t.Errorf("a zygote: %v", err)
	}
	if b.Driver.(*Driver).reports == nil {
		if err := box.SetEgress(t.Context(), egress.Policy{}, nil); err == nil || !strings.Contains(err.Error(), errNoEgress.Error()) {
			t.Errorf("a way out: %v", err)
		}
	}
}

func TestMappedIDs(t *testing.T) {
	for text, want := range map[string]int{
		"         0       1000          1\n":                                   1,
		"         0       1000          1\n         1     100000      65536\n": 65537,
		"         0       1000          1\n         5     100000      65536\n": 1,
		"         0          0 4294967295\n":                                   0,
		"      1000       1000          1\n":                                   0,
	} {
		n, extents, err := mappedIDs(text)
		if n != want || err != nil || len(extents) == 0 != strings.Contains(text, "4294967295") {
			t.Errorf("%q: %d %v %v", text, n, extents, err)
		}
	}
	if _, _, err := mappedIDs("nonsense\n"); err == nil {
		t.Error("nonsense is a map")
	}
	for ids, want := range map[int][2]int{1: {boxUser, 1}, 2: {1, 1}, 65536: {boxUser, 65536 - boxUser}} {
		r := &rootless{ids: ids}
		if u := r.uids(); u.base != want[0] || u.count != want[1] || u.shared != (ids == 1) {
			t.Errorf("of %d ids: %+v", ids, u)
		}
	}
}
