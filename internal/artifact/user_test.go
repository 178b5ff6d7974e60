package artifact

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// accountsLayer has a passwd that is reached through a link, as some builders make.
func accountsLayer(t testing.TB) []byte {
	return tarLayer(t,
		tarItem{name: "store/passwd", body: strings.Join([]string{
			"# comment", "root:x:0:0:root:/root:/bin/sh", "broken", "bad:x:-1:x:::", "app:x:1001:1002:App:/home/app:/bin/sh",
			"12:x:34:56::/twelve:", "nohome:x:77:78", "huge:x:70000:1::/:", "many:x:5:5::/:",
		}, "\n")},
		symlinkItem("etc/passwd", "/store/passwd"),
		tarItem{name: "etc/group", body: "root:x:0:\nwheel:x:10:app,root\napp:x:1002:\nweb:x:33:www,app\nagain:x:33:app\nhuge:x:90000:\n" + manyGroups()},
	)
}

func manyGroups() string {
	var b strings.Builder
	for i := range maxGroups + 1 {
		fmt.Fprintf(&b, "g%d:x:%d:many\n", i, 100+i)
	}
	return b.String()
}

func TestUserIsFoundAsDockerDoes(t *testing.T) {
	s := openStore(t, Config{})
	for user, want := range map[string]ebb.User{
		"":          {Home: "/root", Groups: []int{10}},
		"root":      {Home: "/root", Groups: []int{10}},
		"0":         {Home: "/root", Groups: []int{10}},
		"0:0":       {Home: "/root"},
		"app":       {UID: 1001, GID: 1002, Home: "/home/app", Groups: []int{10, 33}},
		"1001":      {UID: 1001, GID: 1002, Home: "/home/app", Groups: []int{10, 33}},
		"app:":      {UID: 1001, GID: 1002, Home: "/home/app", Groups: []int{10, 33}},
		"app:web":   {UID: 1001, GID: 33, Home: "/home/app"},
		"app:4242":  {UID: 1001, GID: 4242, Home: "/home/app"},
		"4711":      {UID: 4711, Home: "/"},
		"4711:web":  {UID: 4711, GID: 33, Home: "/"},
		"4711:4712": {UID: 4711, GID: 4712, Home: "/"},
		"12":        {UID: 34, GID: 56, Home: "/twelve"}, // a name, though it is a number
		"nohome":    {UID: 77, GID: 78, Home: "/"},
		"65535":     {UID: 65535, Home: "/"},
	} {
		if got := putUser(t, s, user, accountsLayer(t)); got == nil || gocmp.Diff(want, *got) != "" {
			t.Errorf("USER %q: %+v, want %+v", user, got, want)
		}
	}
	// Without any accounts numbers are what they are.
	for user, want := range map[string]ebb.User{"": {Home: "/"}, "5:6": {UID: 5, GID: 6, Home: "/"}} {
		if got := putUser(t, s, user, tarLayer(t)); got == nil || gocmp.Diff(want, *got) != "" {
			t.Errorf("USER %q of an empty image: %+v, want %+v", user, got, want)
		}
	}
}

func putUser(t *testing.T, s *Store, user string, layer []byte) *ebb.User {
	t.Helper()
	img, open := imageOf(fmt.Sprintf("%q %d", user, len(layer)), layer)
	img.Config.User = user
	if err := s.PutImage(t.Context(), img, open); err != nil {
		t.Fatalf("USER %q: %v", user, err)
	}
	got, _, err := s.Image(t.Context(), img.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return got.User
}

func TestUserRefused(t *testing.T) {
	s := openStore(t, Config{})
	for user, want := range map[string]string{
		"nobody-knows":    `USER: its /etc/passwd has no user "nobody-knows"`,
		"-1":              `USER: its /etc/passwd has no user "-1"`,
		"app:nobody":      `USER: its /etc/group has no group "nobody"`,
		"65536":           `USER: "65536" has the number 65536, above 65535`,
		"huge":            "the number 70000, above",
		"app:huge":        "the number 90000, above",
		"99999999999":     "has no user",
		"many":            "is a member of 257 groups",
		"app\x00:x":       "has no user",
		"../../etc/x:app": "has no user",
	} {
		img, open := imageOf("refused "+user, accountsLayer(t))
		img.Config.User = user
		refusedImage(t, s.PutImage(t.Context(), img, open), want)
		if _, _, err := s.Image(t.Context(), img.Digest); ebb.KindOf(err) != ebb.NotFound {
			t.Errorf("USER %q is stored all the same: %v", user, err)
		}
	}
}

// Owners and modes are the image's, whichever layer says so last, also when the
// tree is made again and in a backup.
func TestOwnersAreTheImages(t *testing.T) {
	s := openStore(t, Config{})
	if !s.owners {
		t.Skip("only root gives files away")
	}
	base := tarLayer(t,
		tarItem{name: "app/", kind: tar.TypeDir, mode: 0o700, uid: 5}, tarItem{name: "app/own", mode: 0o6750, uid: 1001},
		tarItem{name: "app/link", kind: tar.TypeSymlink, link: "own", uid: 7}, tarItem{name: "app/hard", kind: tar.TypeLink, link: "app/own"},
		tarItem{name: "implied/x", mode: 0o404, uid: 70000})
	top := tarLayer(t, tarItem{name: "app/", kind: tar.TypeDir, mode: 0o1777, uid: 1001})
	want := []string{
		". drwxr-xr-x 0:0", "app dtrwxrwxrwx 1001:99", "app/hard -rwxr-x--- 1001:99", "app/link Lrwxrwxrwx 7:99",
		"app/own -rwxr-x--- 1001:99", "implied drwxr-xr-x 0:0", "implied/x -r-----r-- 65534:99",
	}
	root := putImage(t, s, "app", base, top)
	if diff := gocmp.Diff(want, owners(t, root)); diff != "" {
		t.Error(diff)
	}
	digest := digestOf([]byte("app"))
	if err := s.away(rootsDir, rootPath(digest)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Image(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, owners(t, root)); diff != "" {
		t.Errorf("made again: %s", diff)
	}
	restored := openStore(t, Config{})
	err := s.SaveImage(t.Context(), digest, map[ebb.Digest]bool{}, func(name string, _ int64, content io.ReadCloser) error {
		defer content.Close()
		text, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		return restored.LoadImageFile(name, bytes.NewReader(text))
	})
	if err == nil {
		err = restored.LoadedImages(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	_, root, err = restored.Image(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, owners(t, root)); diff != "" {
		t.Errorf("from a backup: %s", diff)
	}
	for _, dir := range []string{layersDir, rootsDir} {
		if fi, err := s.root.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 {
			t.Errorf("others can come to %s: %v %v", dir, fi.Mode(), err)
		}
	}
}

func owners(t *testing.T, root string) (lines []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		st := fi.Sys().(*syscall.Stat_t)
		lines = append(lines, fmt.Sprintf("%s %s %d:%d", name, fi.Mode(), st.Uid, st.Gid))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}
