//go:build linux

package linux

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// imageBox is a box in which the attacker is root of an image that it may write to.
func (e *escape) imageBox(t *testing.T, id string, limits sandbox.Limits, mounts []sandbox.Mount) sandbox.Box {
	t.Helper()
	mounts = append(slices.Clone(mounts), sandbox.Mount{Source: e.Probe, Target: escapeeDir}, sandbox.Mount{Source: e.Probe, Target: sandboxtest.ProbeDir})
	return imageBox(t, e.Boxes, sandbox.Spec{ID: fmt.Sprintf("%s-%d", id, e.count), Root: e.root, User: &ebb.User{}, WritableRoot: true,
		Limits: limits, Mounts: append(mounts, hostPrograms()...)})
}

// TestEscapeOfImageRoot is the same by an image's root, who may do as it likes with
// the image and with the image's users.
func TestEscapeOfImageRoot(t *testing.T) {
	b := usersOpened(t)
	e := &escape{Boxes: b, root: image(t, map[string]string{"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "srv/x": "y"})}
	e.all(t)
	for name, attack := range map[string]func(*testing.T, *escape){"Image": attackImage, "Roots": attackRoots} {
		t.Run(name, func(t *testing.T) {
			attack(t, e)
			e.healthy(t)
		})
	}
}

// rootCaps are what an image's root has at most, as /proc says it.
const rootCaps = "00000000000001fb"

// gainsNothing: an image's root stays what it is, whatever the program's bits say.
func gainsNothing(t *testing.T, out string) {
	t.Helper()
	if n := strings.Count(out, "CapEff:"); n < 3 || strings.Count(out, "CapEff:\t"+rootCaps) != n || strings.Count(out, "CapPrm:\t"+rootCaps) != n {
		t.Errorf("output is %s", out)
	}
}

func attackImage(t *testing.T, e *escape) {
	refusals(t, e.try(t, sandbox.Limits{}, "image"), 35, map[string]string{
		// Everybody may, once: it counts for quotas only, which only the host's users change.
		"write projid_map 0 0 4294967295": "ok",
		"":                                eperm + "|" + einval + "|" + erofs + "|" + eacces + "|operation not supported",
	})
}

// attackRoots: what a box has written to its root, another box of the same image
// does not find, and nothing of it is left in the image.
func attackRoots(t *testing.T, e *escape) {
	const secret = secretPrefix + "of-a-root"
	e.count++
	other := e.imageBox(t, "holder", sandbox.Limits{}, nil)
	defer other.Destroy()
	sandboxtest.StartProcess(t, other, sandbox.Process{Dir: "/", Env: []string{"PATH=/bin:/usr/bin"}, Argv: []string{"sh", "-c",
		"for d in / /srv /etc /tmp /dev/shm /run; do echo " + secret + " > $d/held; chmod 666 $d/held; done; echo held; exec sleep 1000"}})
	sandboxtest.Expect(t, other, "held\n")
	e.count++
	box := e.imageBox(t, "seeker", sandbox.Limits{}, nil)
	defer box.Destroy()
	script := `find / -xdev -name held 2>/dev/null; find /tmp /dev/shm /proc /run -name held 2>/dev/null; ls ` +
		e.Driver.(*Driver).run + ` 2>/dev/null; cat /proc/self/mountinfo | grep -c lowerdir; ps -e -o pid= 2>/dev/null | wc -l; echo end`
	sandboxtest.StartProcess(t, box, sandbox.Process{Argv: []string{"sh", "-c", script}, Dir: "/", Env: []string{"PATH=/bin:/usr/bin"}})
	out := sandboxtest.ReadAll(t, box)
	if strings.Contains(out, "held") || strings.Contains(out, "plain") || !strings.HasSuffix(out, "end\n") {
		t.Errorf("found: %s", out)
	}
	for _, path := range listTree(t, e.root) {
		if strings.HasSuffix(path, "/held") {
			t.Errorf("in the image: %s", path)
		}
	}
}

// TestElevatedUser: for a user who is not root, neither a layer's set-id bits and
// capabilities nor its own do anything.
func TestElevatedUser(t *testing.T) {
	b := usersOpened(t)
	buildEscapee(t, b.Probe)
	program, err := os.ReadFile(filepath.Join(b.Probe, "escapee"))
	if err != nil {
		t.Fatal(err)
	}
	root := image(t, map[string]string{"setuid": string(program), "setcap": string(program), "plain": string(program)})
	if err := unix.Chmod(filepath.Join(root, "setuid"), 0o6755); err != nil {
		t.Fatal(err)
	}
	// As in attackElevated.
	capability := []byte{1, 0, 0, 2, 0, 0x20, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	if err := unix.Setxattr(filepath.Join(root, "setcap"), "security.capability", capability, 0); err != nil {
		t.Logf("no file capabilities on this file system: %v", err)
	}
	out := imageShell(t, b, sandbox.Spec{ID: "elevated", Root: root, User: &ebb.User{UID: 1001, GID: 1001}, WritableRoot: true},
		"/plain elevated /setuid /setcap /plain")
	runs := strings.Count(out, "root: false\n")
	if runs < 2 || strings.Contains(out, "root: true") || strings.Count(out, "CapEff:\t0000000000000000\n") != runs {
		t.Errorf("output is %s", out)
	}
}
