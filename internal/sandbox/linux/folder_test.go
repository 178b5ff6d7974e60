//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// nas is a folder of somebody with a user id of their own.
func nas(t *testing.T, uid int) string {
	t.Helper()
	if ids, err := findRootless(); err != nil || ids != nil {
		t.Skipf("it takes the machine's root to give a folder to somebody: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "nas")
	err := errors.Join(os.Mkdir(dir, 0o750), os.WriteFile(filepath.Join(dir, "rates"), []byte("1.07"), 0o640),
		os.Chown(dir, uid, uid), os.Chown(filepath.Join(dir, "rates"), uid, uid), os.Chmod(filepath.Dir(dir), 0o755))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

const owner = 61234

func folderMount(dir string, writable bool) sandbox.Mount {
	return sandbox.Mount{Source: dir, Target: "/mnt/data", Writable: writable,
		Folder: &sandbox.Folder{Owned: true, UID: owner, GID: owner}}
}

func TestFolder(t *testing.T) {
	b := opened(t)
	dir := nas(t, owner)
	box := b.Box(t, "rw", sandbox.Limits{}, folderMount(dir, true))
	sandboxtest.StartProcess(t, box, sandbox.Process{Dir: "/tmp", Argv: []string{"/bin/sh", "-c",
		"cat /mnt/data/rates; echo new > /mnt/data/report; mkdir /mnt/data/sub; echo; id -u > /tmp/me; stat -c %u /mnt/data/report | cmp - /tmp/me; echo same $?; touch /mnt/x; ls /mnt"}})
	out := sandboxtest.ReadAll(t, box)
	if !strings.HasPrefix(out, "1.07\nsame 0\n") || !strings.HasSuffix(out, "\ndata\n") || !strings.Contains(out, "/mnt/x") {
		t.Errorf("output is %s", out)
	}
	st, err := os.Stat(filepath.Join(dir, "report"))
	if err != nil {
		t.Fatal(err)
	}
	if s := st.Sys().(*syscall.Stat_t); s.Uid != owner || s.Gid != owner {
		t.Errorf("the file belongs to %d:%d", s.Uid, s.Gid)
	}

	box = b.Box(t, "ro", sandbox.Limits{}, folderMount(dir, false))
	sandboxtest.Start(t, box, "write", "/mnt/data/rates")
	if out := sandboxtest.ReadAll(t, box); !strings.Contains(out, erofs) {
		t.Errorf("read-only: %s", out)
	}
	stranger := folderMount(dir, true)
	stranger.Folder = &sandbox.Folder{}
	box = b.Box(t, "stranger", sandbox.Limits{}, stranger)
	sandboxtest.Start(t, box, "cat", "/mnt/data/rates")
	if out := sandboxtest.ReadAll(t, box); !strings.Contains(out, eacces) {
		t.Errorf("a stranger reads: %s", out)
	}
}

// TestFolderOfASpare: the folder comes with the code, when the process runs.
func TestFolderOfASpare(t *testing.T) {
	b := opened(t)
	dir := nas(t, owner)
	ctx := context.Background()
	box, err := b.Driver.Create(ctx, sandbox.Spec{ID: "spare", Places: []string{"/mnt"},
		Mounts: []sandbox.Mount{{Source: b.Probe, Target: sandboxtest.ProbeDir}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Destroy)
	sandboxtest.StartProcess(t, box, sandbox.Process{Dir: "/tmp", Framed: true, AttachLater: true, Argv: []string{"/bin/sh", "-c",
		"read x <&3; cat /mnt/data/rates; echo late > /mnt/data/late && cat /mnt/data/late; mkdir /mnt/other 2>/dev/null || echo no"}})
	if err := box.Attach(ctx, []sandbox.Mount{folderMount(dir, true)}, sandbox.Limits{}); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(box.Conn(), "go"); err != nil {
		t.Fatal(err)
	}
	sandboxtest.Expect(t, box, "1.07late\nno\n")
}

// TestFolderTricks: links lead nowhere, programs gain nothing, and what is
// mounted within is not seen.
func TestFolderTricks(t *testing.T) {
	b := opened(t)
	dir := nas(t, owner)
	link := filepath.Join(filepath.Dir(dir), "link")
	program, err := os.ReadFile(filepath.Join(b.Probe, "probe"))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(os.Symlink(dir, link), os.Symlink("/etc/shadow", filepath.Join(dir, "shadow")),
		os.Symlink(filepath.Dir(dir), filepath.Join(dir, "up")),
		os.WriteFile(filepath.Join(dir, "program"), program, 0o755), os.Chown(filepath.Join(dir, "program"), owner, owner),
		unix.Chmod(filepath.Join(dir, "program"), 0o6755), unix.Mknod(filepath.Join(dir, "null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for name, source := range map[string]string{"link": link, "through": link + "/../link", "file": dir + "/rates", "absent": dir + "/absent"} {
		if box, err := b.Driver.Create(ctx, sandbox.Spec{ID: "trick", Mounts: []sandbox.Mount{folderMount(source, true)}}); err == nil {
			box.Destroy()
			t.Errorf("%s: a box is made", name)
		}
	}
	m := folderMount(dir, true)
	m.Folder.NoExec = true
	box := b.Box(t, "tricks", sandbox.Limits{}, m)
	sandboxtest.Start(t, box, "cat", "/mnt/data/shadow", "/mnt/data/up/nas/rates", "/mnt/data/null")
	out := sandboxtest.ReadAll(t, box)
	if strings.Contains(out, "1.07") || strings.Contains(out, "root") || strings.Count(out, "error: ") != 3 {
		t.Errorf("links and devices: %s", out)
	}
	box = b.Box(t, "noexec", sandbox.Limits{}, m)
	sandboxtest.StartProcess(t, box, sandbox.Process{Dir: "/tmp", Argv: []string{"/mnt/data/program", "exit", "0"}})
	sandboxtest.Wait(t, box)
	if exit := box.Exit(); !errors.Is(exit.Err, unix.EACCES) {
		t.Errorf("noexec: %+v", exit)
	}
	m.Target = "/etc/data"
	if _, err := b.Driver.Create(ctx, sandbox.Spec{ID: "target", Mounts: []sandbox.Mount{m}}); err == nil {
		t.Error("a folder is mounted on /etc")
	}
}

// stuckVar makes this test binary one with a folder whose server never answers.
const stuckVar = "EBB_TEST_STUCK"

// TestFolderThatHangs: ebb gives up the folder, not itself, and other boxes are
// made meanwhile. It has a mount namespace of its own.
func TestFolderThatHangs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("boxes need root")
	}
	fuse, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs /dev/fuse for a server that does not answer: %v", err)
	}
	_ = fuse.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), stuckVar+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "all well") {
		t.Errorf("%v: %s", err, out)
	}
}

func hangOnFolder() {
	if err := tryHangingFolder(os.Getenv(stuckVar)); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println("all well")
}

func tryHangingFolder(dir string) error {
	dead, data := filepath.Join(dir, "dead"), filepath.Join(dir, "data")
	server, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", server.Fd())
	err = errors.Join(os.Mkdir(dead, 0o755), os.Mkdir(data, 0o755),
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("dead", dead, "fuse", 0, options))
	if err != nil {
		return err
	}
	ctx := context.Background()
	d, err := Open(ctx, Config{Dir: data, TmpMB: 16}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	began := time.Now()
	mount := folderMount(filepath.Join(dead, "sub"), true)
	if _, err := d.Create(ctx, sandbox.Spec{ID: "hangs", Mounts: []sandbox.Mount{mount}}); err == nil || !strings.Contains(err.Error(), errFolderStuck.Error()) {
		return fmt.Errorf("a folder that hangs gives %w", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		return fmt.Errorf("that took %v", took)
	}
	box, err := d.Create(ctx, sandbox.Spec{ID: "lives"})
	if err != nil {
		return err
	}
	box.Destroy()
	return d.Close()
}
