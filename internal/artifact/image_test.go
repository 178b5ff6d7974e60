package artifact

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// tarItem is one entry of a test layer.
type tarItem struct {
	name string
	kind byte // 0 = a file
	body string
	mode int64 // 0 = 0644
	link string
	uid  int // 0 = 1234
}

func dirItem(name string) tarItem { return tarItem{name: name, kind: tar.TypeDir, mode: 0o755} }

func symlinkItem(name, to string) tarItem {
	return tarItem{name: name, kind: tar.TypeSymlink, link: to}
}

func tarLayer(t testing.TB, items ...tarItem) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, it := range items {
		h := &tar.Header{Name: it.name, Typeflag: it.kind, Mode: it.mode, Linkname: it.link, Uid: cmp.Or(it.uid, 1234), Gid: 99}
		if it.kind == 0 {
			h.Typeflag, h.Size = tar.TypeReg, int64(len(it.body))
		}
		if it.mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, it.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// imageOf makes an image of layers, and what opens them.
func imageOf(name string, layers ...[]byte) (*Image, OpenLayer) {
	img := &Image{Digest: digestOf([]byte(name)), Resolved: "registry.example/" + name}
	for _, l := range layers {
		img.Layers = append(img.Layers, digestOf(l))
	}
	return img, func(_ context.Context, i int) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(layers[i])), nil
	}
}

func putImage(t testing.TB, s *Store, name string, layers ...[]byte) string {
	t.Helper()
	img, open := imageOf(name, layers...)
	if err := s.PutImage(t.Context(), img, open); err != nil {
		t.Fatal(err)
	}
	got, root, err := s.Image(t.Context(), img.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if got.User == nil {
		t.Error("it is not known who the image's process is")
	}
	want := *img
	want.User = got.User
	if diff := gocmp.Diff(&want, got); diff != "" {
		t.Error(diff)
	}
	return root
}

// modes turns the lines of a listing into those of a store that cannot keep owners.
func modes(s *Store, lines ...string) []string {
	if s.owners {
		return lines
	}
	for i, line := range lines {
		mode, rest, _ := strings.Cut(line, " ")
		switch {
		case mode[0] == 'L':
			continue
		case mode[0] == 'd':
			mode = "dr-xr-xr-x"
		case strings.Contains(mode, "x"):
			mode = "-r-xr-xr-x"
		default:
			mode = "-r--r--r--"
		}
		lines[i] = mode + " " + rest
	}
	slices.Sort(lines)
	return lines
}

func TestImageLayersBecomeOneTree(t *testing.T) {
	s := openStore(t, Config{})
	base := tarLayer(t,
		dirItem("./"), dirItem("usr/"), dirItem("usr/bin/"), symlinkItem("bin", "usr/bin"),
		tarItem{name: "usr/bin/sh", body: "shell", mode: 0o4755},
		tarItem{name: "usr/bin/sudo", body: "su", mode: 0o6711},
		tarItem{name: "/etc/passwd", body: "root", mode: 0o600},
		tarItem{name: "etc/old", body: "gone soon"},
		tarItem{name: "var/cache/a", body: "1"}, tarItem{name: "var/cache/b", body: "2"},
		tarItem{name: "replaced", body: "file"}, dirItem("emptied"), tarItem{name: "emptied/deep/x", body: "x"},
		tarItem{name: "dev/null", kind: tar.TypeChar}, tarItem{name: "run/pipe", kind: tar.TypeFifo},
		symlinkItem("etc/mtab", "/proc/mounts"), symlinkItem("up", "../../../etc"),
		tarItem{name: "sticky", kind: tar.TypeDir, mode: 0o1777},
	)
	middle := tarLayer(t,
		tarItem{name: "etc/.wh.old"}, tarItem{name: "var/cache/.wh..wh..opq"}, tarItem{name: "var/cache/c", body: "3"},
		tarItem{name: ".wh..wh.plnk", kind: tar.TypeDir}, tarItem{name: "replaced/now", body: "a folder"},
		tarItem{name: "usr/bin/again", kind: tar.TypeLink, link: "usr/bin/sh"},
		tarItem{name: "bin/tool", body: "through a link", mode: 0o755},
		tarItem{name: "emptied", body: "a file now"},
	)
	top := tarLayer(t, tarItem{name: ".wh.absent"}, dirItem("var/cache"), tarItem{name: "etc/old", body: "back again"},
		tarItem{name: "etc/.wh.passwd"}, tarItem{name: "etc/passwd", body: "new"})
	want := modes(s,
		"-rw-r--r-- emptied a file now",
		"-rw-r--r-- etc/old back again",
		"-rw-r--r-- etc/passwd new",
		"-rw-r--r-- replaced/now a folder",
		"-rw-r--r-- var/cache/c 3",
		"-rwx--x--x usr/bin/sudo su",
		"-rwxr-xr-x usr/bin/again shell",
		"-rwxr-xr-x usr/bin/sh shell",
		"-rwxr-xr-x usr/bin/tool through a link",
		"Lrwxrwxrwx bin -> usr/bin",
		"Lrwxrwxrwx etc/mtab -> /proc/mounts",
		"Lrwxrwxrwx up -> ../../../etc",
		"drwxr-xr-x .",
		"drwxr-xr-x etc",
		"drwxr-xr-x replaced",
		"drwxr-xr-x usr",
		"drwxr-xr-x usr/bin",
		"drwxr-xr-x var",
		"drwxr-xr-x var/cache",
		"dtrwxrwxrwx sticky",
	)
	if diff := gocmp.Diff(want, listing(t, putImage(t, s, "app", base, middle, top))); diff != "" {
		t.Error(diff)
	}
}

func TestImageOfManyLayers(t *testing.T) {
	s := openStore(t, Config{})
	layers := [][]byte{tarLayer(t, tarItem{name: "d/base", body: "0"})}
	for i := 1; i <= 130; i++ {
		layers = append(layers, tarLayer(t,
			tarItem{name: fmt.Sprintf("d/f%d", i), body: fmt.Sprint(i)}, tarItem{name: fmt.Sprintf("d/.wh.f%d", i-1)}))
	}
	layers = append(layers, layers[5]) // brings f5 back; f4 stays away
	want := modes(s, "-rw-r--r-- d/base 0", "-rw-r--r-- d/f130 130", "-rw-r--r-- d/f5 5", "drwxr-xr-x .", "drwxr-xr-x d")
	if diff := gocmp.Diff(want, listing(t, putImage(t, s, "tall", layers...))); diff != "" {
		t.Error(diff)
	}
	img, open := imageOf("taller", layers...)
	img.Layers = slices.Repeat(img.Layers, 4)
	refusedImage(t, s.PutImage(t.Context(), img, open), "layers, more than 500")
}

func refusedImage(t *testing.T, err error, want string) {
	t.Helper()
	if ebb.KindOf(err) != ebb.Invalid || ebb.TypeOf(err) != ebb.TypeInvalidParameterValue || !strings.Contains(err.Error(), want) ||
		!strings.Contains(err.Error(), "Source image registry.example/") {
		t.Errorf("error %v, want it to say %q", err, want)
	}
}

func TestImageRefused(t *testing.T) {
	for _, c := range []struct {
		name, want string
		items      []tarItem
	}{
		{"dotdot", `has ".."`, []tarItem{{name: "a/../../x", body: "x"}}},
		{"long", "longer than 255", []tarItem{{name: strings.Repeat("x", 256), body: "x"}}},
		{"deep", "deeper than", []tarItem{{name: strings.Repeat("d/", 300) + "x", body: "x"}}},
		{"hardlink-out", "hard link", []tarItem{{name: "x", kind: tar.TypeLink, link: "../../etc/passwd"}}},
		{"hardlink-none", "leads to no file", []tarItem{{name: "x", kind: tar.TypeLink, link: "not/there"}}},
		{"hardlink-dir", "leads to no file", []tarItem{dirItem("d"), {name: "x", kind: tar.TypeLink, link: "d"}}},
		{"loop", "round in circles", []tarItem{symlinkItem("a", "b"), symlinkItem("b", "a"), {name: "a/x", body: "x"}}},
		{"whiteout", "removes nothing", []tarItem{{name: "d/.wh..", body: ""}}},
		{"bytes", "packages.maxImage", []tarItem{{name: "x", body: strings.Repeat("x", 5000)}}},
		{"files", "packages.maxImageFiles", slices.Repeat([]tarItem{dirItem("x")}, 11)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openStore(t, Config{MaxImage: 4096, MaxImageFiles: 10})
			img, open := imageOf(c.name, tarLayer(t, c.items...))
			refusedImage(t, s.PutImage(t.Context(), img, open), c.want)
			if _, _, err := s.Image(t.Context(), img.Digest); ebb.KindOf(err) != ebb.NotFound {
				t.Errorf("stored all the same: %v", err)
			}
			for _, dir := range []string{layersDir, rootsDir, imagesDir} {
				names, err := s.names(dir)
				if err != nil {
					t.Fatal(err)
				}
				for _, n := range names {
					if strings.HasPrefix(n, tmpPrefix) {
						t.Errorf("left behind: %s/%s", dir, n)
					}
				}
			}
		})
	}
}

func TestImageLayerIsWhatItsDigestSays(t *testing.T) {
	s := openStore(t, Config{})
	good, bad := tarLayer(t, tarItem{name: "a", body: "good"}), tarLayer(t, tarItem{name: "a", body: "evil"})
	img, _ := imageOf("x", good)
	calls := 0
	err := s.PutImage(t.Context(), img, func(context.Context, int) (io.ReadCloser, error) {
		calls++
		return io.NopCloser(bytes.NewReader(bad)), nil
	})
	refusedImage(t, err, "has the content of sha256:"+string(digestOf(bad)))
	if calls != 1 {
		t.Errorf("%d attempts at a layer that is wrong", calls)
	}
	trailing, _ := imageOf("y", append(slices.Clone(good), "more"...))
	_, open := imageOf("y", append(slices.Clone(good), "more"...))
	if err := s.PutImage(t.Context(), trailing, open); err != nil {
		t.Errorf("what follows the tar is part of its digest: %v", err)
	}
	img, open = imageOf("z", good[:514])
	refusedImage(t, s.PutImage(t.Context(), img, open), "unexpected EOF")
}

// Names and links that would lead out of the tree if anything were written
// through them.
func TestImageLinksAreNeverFollowedOnTheHost(t *testing.T) {
	s := openStore(t, Config{})
	outside := t.TempDir()
	root := putImage(t, s, "trap", tarLayer(t, symlinkItem("out", outside), symlinkItem("rel", strings.Repeat("../", 40)+"tmp")),
		tarLayer(t, tarItem{name: "out/planted", body: "x"}, tarItem{name: "rel/planted", body: "x"},
			tarItem{name: "out/.wh.nothing"}, tarItem{name: "hard", kind: tar.TypeLink, link: "out/planted"}))
	if left, err := os.ReadDir(outside); err != nil || len(left) != 0 {
		t.Errorf("written outside: %v %v", left, err)
	}
	got, err := os.ReadFile(filepath.Join(root, outside, "planted")) // the link means this inside a box
	if err != nil || string(got) != "x" {
		t.Errorf("%q %v", got, err)
	}
}

func TestImagesShareLayers(t *testing.T) {
	s := openStore(t, Config{})
	base, a, b := tarLayer(t, tarItem{name: "lib/big", body: "base"}), tarLayer(t, tarItem{name: "a"}), tarLayer(t, tarItem{name: "b"})
	one := putImage(t, s, "one", base, a)
	img, open := imageOf("two", base, b)
	err := s.PutImage(t.Context(), img, func(ctx context.Context, i int) (io.ReadCloser, error) {
		if i == 0 {
			t.Error("a layer that is here was asked for again")
		}
		return open(ctx, i)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, two, err := s.Image(t.Context(), img.Digest)
	if err != nil {
		t.Fatal(err)
	}
	first, err1 := os.Stat(filepath.Join(one, "lib/big"))
	second, err2 := os.Stat(filepath.Join(two, "lib/big"))
	if err := errors.Join(err1, err2); err != nil || !os.SameFile(first, second) {
		t.Errorf("the file is there twice (%v)", err)
	}

	keep := map[ebb.Digest]bool{img.Digest: true}
	if n, err := s.Collect(t.Context(), keep, -1); n != 1 || err != nil {
		t.Errorf("collected %d, %v; want 1", n, err)
	}
	names, err := s.names(layersDir)
	slices.Sort(names)
	want := []string{string(digestOf(base)), string(digestOf(b))}
	slices.Sort(want)
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("layers %v, want %v (%v)", names, want, err)
	}
	if got, err := os.ReadFile(filepath.Join(two, "lib/big")); string(got) != "base" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	if n, err := s.Collect(t.Context(), nil, -1); n != 1 || err != nil {
		t.Errorf("collected %d, %v; want 1", n, err)
	}
	for _, dir := range folders {
		if names, err := s.names(dir); len(names) != 0 || err != nil {
			t.Errorf("%s: left %v %v", dir, names, err)
		}
	}
}

func TestImageTreeIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, Config{Dir: dir})
	layer := tarLayer(t, tarItem{name: "a", body: "x"})
	root := putImage(t, s, "app", layer)
	if err := s.away(rootsDir, rootPath(digestOf([]byte("app")))); err != nil {
		t.Fatal(err)
	}
	// What a crash leaves: half a layer, half a tree, half a description.
	for _, sub := range []string{layersDir, rootsDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub, tmpPrefix+"x", "d"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, imagesDir, tmpPrefix+"x"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := openStore(t, Config{Dir: dir})
	_, got, err := again.Image(t.Context(), digestOf([]byte("app")))
	if err != nil || got != root {
		t.Fatalf("%q %v", got, err)
	}
	if diff := gocmp.Diff(modes(s, "-rw-r--r-- a x", "drwxr-xr-x ."), listing(t, root)); diff != "" {
		t.Error(diff)
	}
	for _, sub := range folders {
		if names, err := again.names(sub); err != nil || slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, tmpPrefix) }) {
			t.Errorf("%s holds %v (%v)", sub, names, err)
		}
	}
}

func TestPutImageOnceForMany(t *testing.T) {
	s := openStore(t, Config{})
	layer := tarLayer(t, tarItem{name: "a", body: "x"})
	img, _ := imageOf("app", layer)
	var opened atomic.Int32
	entered, release := make(chan struct{}), make(chan struct{})
	open := func(context.Context, int) (io.ReadCloser, error) {
		if opened.Add(1) == 1 {
			close(entered)
		}
		<-release
		return io.NopCloser(bytes.NewReader(layer)), nil
	}
	// Whoever comes first gives up; the others get what it began.
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- s.PutImage(ctx, img, open) }()
	<-entered
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { errs[i] = s.PutImage(t.Context(), img, open) })
	}
	close(release)
	wg.Wait()
	if err := errors.Join(errs...); err != nil || opened.Load() != 1 {
		t.Errorf("opened %d times, %v", opened.Load(), err)
	}
}

func TestPutImageTriesAgain(t *testing.T) {
	s := openStore(t, Config{MaxImage: 100, MaxImageFiles: 2})
	layer := tarLayer(t, tarItem{name: "a", body: strings.Repeat("x", 90)}, dirItem("b"))
	img, _ := imageOf("app", layer)
	broken := errors.New("connection reset")
	calls := 0
	flaky := func(context.Context, int) (io.ReadCloser, error) {
		if calls++; calls < pullAttempts {
			return io.NopCloser(io.MultiReader(bytes.NewReader(layer[:600]), &failing{broken})), nil
		}
		return io.NopCloser(bytes.NewReader(layer)), nil
	}
	if err := s.PutImage(t.Context(), img, flaky); err != nil {
		t.Fatal(err)
	}
	img, _ = imageOf("never", tarLayer(t, tarItem{name: "c"}))
	err := s.PutImage(t.Context(), img, func(context.Context, int) (io.ReadCloser, error) { return nil, broken })
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestCloseEndsPulls(t *testing.T) {
	s, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	img, _ := imageOf("app", tarLayer(t, tarItem{name: "a"}))
	entered := make(chan struct{})
	result := make(chan error)
	go func() {
		result <- s.PutImage(t.Context(), img, func(ctx context.Context, _ int) (io.ReadCloser, error) {
			close(entered)
			<-ctx.Done()
			return nil, ctx.Err()
		})
	}()
	<-entered
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; ebb.KindOf(err) != ebb.Unavailable {
		t.Errorf("error %v", err)
	}
	if err := s.PutImage(t.Context(), img, nil); ebb.KindOf(err) != ebb.Unavailable {
		t.Errorf("error %v", err)
	}
}

// FuzzLayer: whatever a layer says, nothing is written outside the store, and
// what is accepted can be assembled and removed.
func FuzzLayer(f *testing.F) {
	f.Add(tarLayer(f, dirItem("a"), tarItem{name: "a/b", body: "x"}, symlinkItem("c", "/a"), tarItem{name: "c/d"}))
	f.Add(tarLayer(f, symlinkItem("a", ".."), tarItem{name: "a/.wh.b"}, tarItem{name: "x", kind: tar.TypeLink, link: "a"}))
	f.Add(tarLayer(f, tarItem{name: ".wh..wh..opq"}, tarItem{name: "//.//x", body: "y"}))
	f.Add([]byte("not a tar"))
	f.Fuzz(func(t *testing.T, layer []byte) {
		dir := t.TempDir()
		s := openStore(t, Config{Dir: filepath.Join(dir, "store"), MaxImage: 1 << 20, MaxImageFiles: 1000})
		img, open := imageOf("fuzz", layer, layer)
		err := s.PutImage(t.Context(), img, open)
		if err == nil {
			_, _, err = s.Image(t.Context(), img.Digest)
		}
		if err != nil && ebb.KindOf(err) != ebb.Invalid {
			t.Error(err)
		}
		if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
			t.Errorf("outside the store: %v %v", names, err)
		}
	})
}
