//go:build linux

package linux

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// usersOpened is a driver that obeys Spec.User.
func usersOpened(t *testing.T) sandboxtest.Boxes {
	t.Helper()
	b := opened(t)
	if !b.Driver.Level().Users {
		t.Skipf("this host has no users of images: %v", b.Driver.Level().Missing)
	}
	return b
}

// give makes paths of an image somebody's, with a mode.
func give(t *testing.T, root string, uid, gid int, mode os.FileMode, paths ...string) {
	t.Helper()
	for _, p := range paths {
		p = filepath.Join(root, p)
		if err := os.Lchown(p, uid, gid); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
	}
}

// hostPrograms are the host's, which need its libraries.
func hostPrograms() (mounts []sandbox.Mount) {
	for _, dir := range []string{"/usr", "/bin", "/lib", "/lib64"} {
		if _, err := os.Stat(dir); err == nil {
			mounts = append(mounts, sandbox.Mount{Source: dir, Target: dir})
		}
	}
	return mounts
}

// imageShell runs a script in a box whose root is an image and returns what it printed.
func imageShell(t *testing.T, b sandboxtest.Boxes, spec sandbox.Spec, script string) string {
	t.Helper()
	spec.Mounts = append(spec.Mounts, hostPrograms()...)
	box := imageBox(t, b, spec)
	defer box.Destroy()
	sandboxtest.StartProcess(t, box, sandbox.Process{Argv: []string{"sh", "-c", script}, Dir: "/", Env: []string{"PATH=/bin:/usr/bin"}})
	out := sandboxtest.ReadAll(t, box)
	sandboxtest.Wait(t, box)
	if err := box.Exit().Err; err != nil {
		t.Fatal(err)
	}
	return out
}

func TestUserIsWhoTheImageSays(t *testing.T) {
	b := usersOpened(t)
	root := image(t, map[string]string{
		"app/own": "mine", "app/group": "ours", "app/secret": "root's", "app/others": "x", "etc/passwd": "app:x:1001:1002::/app:/bin/sh\n",
	})
	give(t, root, 1001, 1002, 0o755, "app")
	give(t, root, 1001, 1002, 0o600, "app/own")
	give(t, root, 7, 50, 0o040, "app/group")
	give(t, root, 0, 0, 0o600, "app/secret")
	give(t, root, 65534, 65534, 0o644, "app/others", "etc/passwd")
	const look = `echo $(id -u) $(id -g) $(id -G) $(id -un); cd /app; stat -c '%n %u:%g %a' * / /tmp /etc /etc/hosts; cat own group; cat secret 2>/dev/null
		grep -E '^(Cap(Eff|Prm|Inh|Amb)|NoNewPrivs)' /proc/self/status | tr '\t' ' '; true > /tmp/x && stat -c '%u:%g' /tmp/x
		{ echo o > /dev/stdout; } && chown 1001:1002 /tmp/x && ! chown 0 /tmp/x 2>/dev/null && ! chown 7 /tmp/x 2>/dev/null && echo chown`
	user := &ebb.User{UID: 1001, GID: 1002, Groups: []int{50, 60}}
	const want = `1001 1002 1002 50 60 app
group 7:50 40
others 65534:65534 644
own 1001:1002 600
secret 0:0 600
/ 0:0 755
/tmp 0:0 1777
/etc 0:0 755
/etc/hosts 0:0 644
mineoursCapInh: 0000000000000000
CapPrm: 0000000000000000
CapEff: 0000000000000000
CapAmb: 0000000000000000
NoNewPrivs: 1
1001:1002
o
chown
`
	for _, writable := range []bool{false, true} {
		got := imageShell(t, b, sandbox.Spec{ID: fmt.Sprintf("user-%v", writable), Root: root, User: user, WritableRoot: writable}, look)
		if got != want {
			t.Errorf("writable %v: got\n%s\nwant\n%s", writable, got, want)
		}
	}
}

// Two boxes with the same user of the same image are two users of the host.
func TestUsersOfBoxesAreApart(t *testing.T) {
	b := usersOpened(t)
	root := image(t, map[string]string{"x": "y"})
	user := &ebb.User{UID: 1001, GID: 1001}
	seen := make(map[int]bool)
	for i := range 3 {
		box := imageBox(t, b, sandbox.Spec{ID: fmt.Sprintf("apart-%d", i), Root: root, User: user, Mounts: hostPrograms()})
		sandboxtest.StartProcess(t, box, sandbox.Process{Argv: []string{"sh", "-c", "cat /proc/self/uid_map; exec sleep 1000"}, Dir: "/", Env: []string{"PATH=/bin:/usr/bin"}})
		var inside, host, size int
		line := make([]byte, 256)
		n, err := box.Output().Read(line)
		if _, scan := fmt.Sscan(string(line[:n]), &inside, &host, &size); err != nil || scan != nil {
			t.Fatalf("%q %v %v", line[:n], err, scan)
		}
		if seen[host] || inside != 0 || size != 65536 || host < DefaultRangeBase {
			t.Errorf("mapping %q; others have %v", line[:n], seen)
		}
		seen[host] = true
	}
}

func TestWritableRoot(t *testing.T) {
	b := usersOpened(t)
	root := image(t, map[string]string{"app/own": "of the image", "app/gone": "x", "srv/x": "y", "etc/os": "z"})
	give(t, root, 1001, 1001, 0o755, "app")
	give(t, root, 1001, 1001, 0o644, "app/own", "app/gone")
	before := listTree(t, root)
	spec := sandbox.Spec{Root: root, User: &ebb.User{UID: 1001, GID: 1001}, WritableRoot: true, Limits: sandbox.Limits{TmpMB: 32}}
	const script = `cd /app; cat own; echo; echo changed > own; rm gone; mkdir d; echo new > d/new; cat own d/new; ls -A /app
		for p in /x /srv/x /srv/y /etc/os /dev/x /proc/sys/kernel/hostname; do { true > $p; } 2>/dev/null && echo "wrote $p"; done; echo end`
	const want = "of the image\nchanged\nnew\nd\nown\nend\n"
	for i := range 2 { // the second box finds nothing of the first
		spec.ID = fmt.Sprintf("writable-%d", i)
		if got := imageShell(t, b, spec, script); got != want {
			t.Errorf("box %d: got\n%s\nwant\n%s", i, got, want)
		}
	}
	spec.ID, spec.User = "writable-root", &ebb.User{}
	got := imageShell(t, b, spec, `for p in /x /srv/x /app/own /etc/os /usr-not /dev/x /proc/sys/kernel/hostname; do { echo 1 > $p; } 2>/dev/null && echo "wrote $p"; done
		chown 1001:33 /x && chmod 600 /x && stat -c %u:%g:%a /x && chown -R 1001 /srv && cat /x; ls -A / | tr '\n' ' '`)
	if want := "wrote /x\nwrote /srv/x\nwrote /app/own\nwrote /etc/os\nwrote /usr-not\n1001:33:600\n1\n"; !strings.HasPrefix(got, want) {
		t.Errorf("root: got\n%s\nwant\n%s", got, want)
	}
	if after := listTree(t, root); len(after) != len(before) {
		t.Errorf("the image was written to: %v", after)
	}
	if text, err := os.ReadFile(filepath.Join(root, "app/own")); err != nil || string(text) != "of the image" {
		t.Errorf("the image was written to: %q %v", text, err)
	}
}

// What a box writes to its root counts with what it writes to /tmp, and a full disk
// is its own.
func TestWritableRootIsLimited(t *testing.T) {
	b := usersOpened(t)
	if b.Driver.(*Driver).tmp == nil {
		t.Skip("this host has no loop images")
	}
	root := image(t, map[string]string{"srv/x": "y"})
	spec := sandbox.Spec{ID: "limited", Root: root, User: &ebb.User{}, WritableRoot: true, Limits: sandbox.Limits{TmpMB: 32, MemoryMB: 256}}
	got := imageShell(t, b, spec, `dd if=/dev/zero of=/tmp/a bs=1M count=16 2>/dev/null && echo half
		dd if=/dev/zero of=/srv/b bs=1M count=1000 2>&1 | grep -o 'No space left on device'; stat -c %s /srv/b
		rm /srv/b; echo again > /srv/c && cat /srv/c`)
	lines := strings.Split(got, "\n")
	if len(lines) != 5 || lines[0] != "half" || lines[1] != "No space left on device" || lines[3] != "again" {
		t.Fatalf("got\n%s", got)
	}
	if size, err := strconv.Atoi(lines[2]); err != nil || size < 8<<20 || size > 20<<20 {
		t.Errorf("%d bytes went to the root beside 16 MB in /tmp (%v)", size, err)
	}
}

// An image's root may give files away and become its other users, as the entry
// points of many images do, and no more than that.
func TestUserRoot(t *testing.T) {
	b := usersOpened(t)
	root := image(t, map[string]string{"data/x": "y"})
	spec := sandbox.Spec{ID: "root", Root: root, User: &ebb.User{}, WritableRoot: true}
	got := imageShell(t, b, spec, `id -u; chown 999:999 /data; echo $(grep -E '^Cap(Eff|Bnd)' /proc/self/status)
		command -v setpriv > /dev/null || { echo skip; exit; }
		setpriv --reuid=999 --regid=999 --clear-groups sh -c 'id -u; echo 1 > /data/y && stat -c %u /data/y; { true > /etc/x; } 2>/dev/null || echo no; echo $(grep CapEff /proc/self/status)'`)
	const caps = "CapEff: 00000000000001fb CapBnd: 00000000000001fb"
	want := "0\n" + caps + "\n999\n999\nno\nCapEff: 0000000000000000\n"
	if got != want && got != "0\n"+caps+"\nskip\n" {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Every port is the box's own: a user that is not root may listen on port 80.
func TestUserListensOnLowPorts(t *testing.T) {
	b := usersOpened(t)
	probe, err := os.ReadFile(filepath.Join(b.Probe, "probe"))
	if err != nil {
		t.Fatal(err)
	}
	root := image(t, map[string]string{"probe": string(probe)})
	got := imageShell(t, b, sandbox.Spec{ID: "low", Root: root, User: &ebb.User{UID: 5, GID: 5}}, "cat /proc/sys/net/ipv4/ip_unprivileged_port_start")
	if got != "0\n" {
		t.Errorf("the first port that everybody may listen on is %q", got)
	}
}

func TestUserOfNoBox(t *testing.T) {
	b := opened(t)
	for name, spec := range map[string]sandbox.Spec{
		"no root":  {ID: "x", User: &ebb.User{}},
		"writable": {ID: "x", WritableRoot: true},
		"uid":      {ID: "x", Root: "/", User: &ebb.User{UID: 65536}},
		"group":    {ID: "x", Root: "/", User: &ebb.User{Groups: []int{-1}}},
	} {
		if box, err := b.Driver.Create(t.Context(), spec); err == nil || ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), "User") {
			t.Errorf("%s: %v", name, err)
			if err == nil {
				box.Destroy()
			}
		}
	}
}

// TestUserWhereThereAreNone: a host that lacks what users of an image take says so,
// and the process is the box's own user.
func TestUserWhereThereAreNone(t *testing.T) {
	b := opened(t)
	b.Driver.(*Driver).level.Users = false
	root := image(t, map[string]string{"srv/x": "y"})
	for _, writable := range []bool{false, true} {
		spec := sandbox.Spec{ID: fmt.Sprintf("none-%v", writable), Root: root, User: &ebb.User{UID: 7, GID: 7}, WritableRoot: writable}
		if got := imageShell(t, b, spec, "id -un; cat /srv/x; true > /tmp/x && echo tmp"); got != "sandbox\nytmp\n" {
			t.Errorf("writable %v: %q", writable, got)
		}
	}
}

// TestWritableRootInDirectory: without loop images a directory of the host takes what
// is written, and goes with the box.
func TestWritableRootInDirectory(t *testing.T) {
	b := usersOpened(t)
	d := b.Driver.(*Driver)
	if d.tmp != nil {
		d.tmp.close()
		d.tmp = nil
	}
	root := image(t, map[string]string{"srv/x": "y"})
	box := imageBox(t, b, sandbox.Spec{ID: "directory", Root: root, User: &ebb.User{UID: 5, GID: 5}, WritableRoot: true, Mounts: hostPrograms()})
	sandboxtest.StartProcess(t, box, sandbox.Process{Argv: []string{"sh", "-c", "echo 1 > /tmp/x; cat /tmp/x; { true > /y; } 2>/dev/null || echo no; ls -A /tmp"},
		Dir: "/", Env: []string{"PATH=/bin:/usr/bin"}})
	if got := sandboxtest.ReadAll(t, box); got != "1\nno\nx\n" {
		t.Errorf("%q", got)
	}
	dir := d.plainTmp("directory")
	if _, err := os.Stat(filepath.Join(dir, "tmp", "x")); err != nil {
		t.Error(err)
	}
	box.Destroy()
	sandboxtest.Eventually(t, "the directory is gone", func() bool {
		_, err := os.Stat(dir)
		return os.IsNotExist(err)
	})
}
