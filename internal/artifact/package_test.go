package artifact

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestPutUnpacksReadOnly(t *testing.T) {
	s := openStore(t, Config{})
	b := makeZip(t,
		item{name: "handler.py", body: "def f(): pass", mode: 0o600},
		item{name: "./bin/", mode: fs.ModeDir | 0o700},
		item{name: "bin/run", body: "#!/bin/sh", mode: 0o4755 | fs.ModeSetuid},
		item{name: "deep//er/x", body: "x", mode: 0o666},
		item{name: "Handler.py", body: "other case", mode: 0o644},
		link("bin/again", "../deep/er/x"),
		link("dangling", "not/there"),
	)
	code := put(t, s, b)
	if want := (ebb.Code{Digest: digestOf(b), Size: int64(len(b))}); code != want {
		t.Fatalf("code %+v, want %+v", code, want)
	}
	dir, err := s.Dir(t.Context(), code.Digest)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"-r--r--r-- Handler.py other case",
		"-r--r--r-- deep/er/x x",
		"-r--r--r-- handler.py def f(): pass",
		"-r-xr-xr-x bin/run #!/bin/sh",
		"Lrwxrwxrwx bin/again -> ../deep/er/x",
		"Lrwxrwxrwx dangling -> not/there",
		"dr-xr-xr-x .",
		"dr-xr-xr-x bin",
		"dr-xr-xr-x deep",
		"dr-xr-xr-x deep/er",
	}
	if diff := cmp.Diff(want, listing(t, dir)); diff != "" {
		t.Error(diff)
	}
	r, n, err := s.Zip(t.Context(), code.Digest)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil || n != int64(len(b)) || !bytes.Equal(got, b) {
		t.Errorf("zip: %d of %d bytes, %v", len(got), n, err)
	}
	if s.Stored() != int64(len(b)) {
		t.Errorf("stored %d, want %d", s.Stored(), len(b))
	}
}

func TestPutSameContentOnce(t *testing.T) {
	s := openStore(t, Config{})
	items := make([]item, 200)
	for i := range items {
		items[i] = item{name: fmt.Sprintf("d%d/f", i), body: strings.Repeat("x", i)}
	}
	b := makeZip(t, items...)
	var wg sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		wg.Go(func() { _, errs[i] = s.Put(background(), bytes.NewReader(b)) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	d := string(digestOf(b))
	if diff := cmp.Diff([]string{"packages/" + d + ".zip", "unpacked/" + d}, stored(t, s)); diff != "" {
		t.Error(diff)
	}
	if s.Stored() != int64(len(b)) {
		t.Errorf("stored %d bytes, want the content counted once: %d", s.Stored(), len(b))
	}
	if len(s.locks) != 0 {
		t.Errorf("%d locks left", len(s.locks))
	}
	before, err := os.Stat(filepath.Join(s.dir, unpackedDir, d, "d1"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, b)
	after, err := os.Stat(filepath.Join(s.dir, unpackedDir, d, "d1"))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("putting it again unpacked it again (%v)", err)
	}
}

func TestRefusedEntries(t *testing.T) {
	flag := func(bits uint16) func(*zip.FileHeader) {
		return func(h *zip.FileHeader) { h.Flags |= bits }
	}
	long := strings.Repeat("a", 256)
	deep := strings.Repeat("a/", 300) + "x"
	cases := map[string]struct {
		items []item
		words []string
	}{
		"zip slip":                {[]item{{name: "../evil"}}, []string{`"../evil"`, "leaves"}},
		"zip slip inside":         {[]item{{name: "a/../../evil"}}, []string{"leaves"}},
		"absolute":                {[]item{{name: "/etc/passwd"}}, []string{"/etc/passwd", "absolute"}},
		"backslash":               {[]item{{name: `a\b`}}, []string{"use \"/\""}},
		"drive":                   {[]item{{name: "C:/x"}}, []string{"drive"}},
		"nul":                     {[]item{{name: "a\x00b"}}, []string{"NUL"}},
		"long part":               {[]item{{name: long}}, []string{"longer than 255"}},
		"long path":               {[]item{{name: strings.Repeat("abcdefghijklmno/", 250) + "x"}}, []string{"longer than 3800"}},
		"deep":                    {[]item{{name: deep}}, []string{"deeper"}},
		"twice":                   {[]item{{name: "a/b"}, {name: "a//b"}}, []string{"twice"}},
		"folder twice":            {[]item{{name: "a/"}, {name: "a/"}}, []string{"twice"}},
		"file then folder":        {[]item{{name: "a"}, {name: "a/b"}}, []string{`"a/b"`, "not a folder"}},
		"folder then file":        {[]item{{name: "a/b"}, {name: "a"}}, []string{"twice"}},
		"through a link":          {[]item{link("a", "b"), {name: "b/"}, {name: "a/x"}}, []string{"not a folder"}},
		"link replaces folder":    {[]item{{name: "a/x"}, link("a", "b")}, []string{"twice"}},
		"link out":                {[]item{link("a/b", "../../etc/passwd")}, []string{`"a/b"`, "leaves"}},
		"link to the parent":      {[]item{link("a", "..")}, []string{"leaves"}},
		"link absolute":           {[]item{link("a", "/etc/passwd")}, []string{"absolute", "/etc/passwd"}},
		"link out through a link": {[]item{link("a/b/c/up", "../../.."), link("a/b/c/out", "up/../x")}, []string{`"a/b/c/out"`, "leaves"}},
		"link circle":             {[]item{link("a", "b"), link("b", "a")}, []string{"circles"}},
		"link to nothing":         {[]item{link("a", "")}, []string{"no proper target"}},
		"fifo":                    {[]item{{name: "p", mode: fs.ModeNamedPipe | 0o644}}, []string{`"p"`, "neither"}},
		"device":                  {[]item{{name: "d", mode: fs.ModeDevice | 0o644}}, []string{"neither"}},
		"character device":        {[]item{{name: "d", mode: fs.ModeDevice | fs.ModeCharDevice | 0o644}}, []string{"neither"}},
		"socket":                  {[]item{{name: "s", mode: fs.ModeSocket | 0o644}}, []string{"neither"}},
		"link named as folder":    {[]item{{name: "l/", mode: fs.ModeSymlink | 0o777}}, []string{"folder"}},
		"encrypted":               {[]item{{name: "x", mangle: flag(1)}}, []string{"encrypted"}},
		"strongly encrypted":      {[]item{{name: "x", mangle: flag(1 << 6)}}, []string{"encrypted"}},
		"hard link": {[]item{{name: "h", mangle: func(h *zip.FileHeader) {
			h.Extra = append([]byte{0x0d, 0, 16, 0}, make([]byte, 16)...)
		}}}, []string{"hard link"}},
		"nameless file": {[]item{{name: "."}}, []string{"no name"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, Config{})
			_, err := s.Put(t.Context(), bytes.NewReader(makeZip(t, c.items...)))
			wantError(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue,
				append(c.words, "Could not unzip uploaded file. Please check your file, then try to upload again.")...)
			if left := stored(t, s); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			if s.Stored() != 0 {
				t.Errorf("%d bytes counted", s.Stored())
			}
		})
	}
}

func TestRefusedFiles(t *testing.T) {
	good := makeZip(t, item{name: "x", body: strings.Repeat("hello ", 100)})
	method := bytes.Clone(good)
	for _, sig := range []struct {
		magic string
		at    int
	}{{"PK\x03\x04", 8}, {"PK\x01\x02", 10}} {
		method[bytes.Index(method, []byte(sig.magic))+sig.at] = 12 // bzip2
	}
	damaged := bytes.Clone(good)
	damaged[bytes.Index(damaged, []byte("PK\x01\x02"))+16] ^= 1 // checksum
	cases := map[string]struct {
		b     []byte
		words string
	}{
		"no zip":    {[]byte("hello"), msgCannotUnzip},
		"empty":     {nil, msgEmptyZip},
		"no entry":  {makeZip(t), msgEmptyZip},
		"only ./":   {makeZip(t, item{name: "./"}), msgEmptyZip},
		"cut":       {good[:len(good)-30], msgCannotUnzip},
		"bzip2":     {method, `entry "x": compression method 12 is not supported`},
		"corrupted": {damaged, `entry "x": its checksum does not match`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, Config{})
			_, err := s.Put(t.Context(), bytes.NewReader(c.b))
			wantError(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, c.words)
			if left := stored(t, s); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	zeros := strings.Repeat("\x00", 1<<20)
	small := makeZip(t, item{name: "a", body: zeros})
	s := openStore(t, Config{MaxZipped: 64 << 10, MaxUnpacked: 3 << 20, MaxFiles: 10})

	_, err := s.Put(t.Context(), bytes.NewReader(make([]byte, 64<<10+1)))
	wantError(t, err, ebb.TooLarge, ebb.TypeRequestEntityTooLarge, "Zipped size must be smaller than 65536 bytes")

	_, err = s.Put(t.Context(), bytes.NewReader(makeZip(t, item{name: "big", body: strings.Repeat(zeros, 4)})))
	wantError(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "Unzipped size must be smaller than 3145728 bytes", `"big"`)

	_, err = s.Put(t.Context(), bytes.NewReader(makeZip(t, item{name: "a", body: zeros + zeros}, item{name: "b", body: zeros + zeros})))
	wantError(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "Unzipped size must be smaller than 3145728 bytes")

	var many []item
	for i := range 6 {
		many = append(many, item{name: fmt.Sprintf("d%d/f", i)})
	}
	_, err = s.Put(t.Context(), bytes.NewReader(makeZip(t, many...)))
	wantError(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "more than 10 files and folders")

	var long []item // its directory alone is longer than ten entries can be
	for i := range 900 {
		long = append(long, item{name: fmt.Sprintf("%0200d", i)})
	}
	wide := openStore(t, Config{MaxFiles: 10})
	_, err = wide.Put(t.Context(), bytes.NewReader(makeZip(t, long...)))
	wantError(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "more than 10 files and folders")

	if left := stored(t, s); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}

	s = openStore(t, Config{MaxStored: int64(len(small)) + 10})
	put(t, s, small)
	_, err = s.Put(t.Context(), bytes.NewReader(makeZip(t, item{name: "b", body: "b"})))
	wantError(t, err, ebb.QuotaExceeded, ebb.TypeCodeStorageExceeded, "Code storage limit exceeded")
	if s.Stored() != int64(len(small)) || len(stored(t, s)) != 2 {
		t.Errorf("stored %d, %v", s.Stored(), stored(t, s))
	}
}

// TestBombWithSmallHeader gives the reader a directory that claims four bytes
// for an entry of many: what counts is what comes out.
func TestBombWithSmallHeader(t *testing.T) {
	b := makeZip(t, item{name: "bomb", body: strings.Repeat("\x00", 8<<20)})
	at := bytes.Index(b, []byte("PK\x01\x02")) + 24
	copy(b[at:], []byte{4, 0, 0, 0})
	s := openStore(t, Config{MaxUnpacked: 1 << 20})
	_, err := s.Put(t.Context(), bytes.NewReader(b))
	wantError(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, `"bomb"`)
	if left := stored(t, s); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestZip64(t *testing.T) {
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	// More entries than the old format can count.
	for i := range 1<<16 + 5 {
		if _, err := zw.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("%x/", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	zr, err := openZip(bytes.NewReader(buf.Bytes()), int64(buf.Len()), DefaultMaxFiles)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := plan(zr, DefaultMaxFiles, 1)
	if err != nil || len(tr.nodes) != 1<<16+5 {
		t.Fatalf("%v", err)
	}
}

func TestCheckStoresNothing(t *testing.T) {
	s := openStore(t, Config{})
	b := makeZip(t, item{name: "x", body: "y"})
	code, err := s.Check(t.Context(), bytes.NewReader(b))
	if err != nil || code.Digest != digestOf(b) || code.Size != int64(len(b)) {
		t.Fatalf("%+v, %v", code, err)
	}
	if left := stored(t, s); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	_, err = s.Check(t.Context(), bytes.NewReader(makeZip(t, item{name: "../x"})))
	wantError(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "../x")
}

func TestPutPassesReaderAndContextErrors(t *testing.T) {
	s := openStore(t, Config{})
	broken := errors.New("connection reset")
	if _, err := s.Put(t.Context(), iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Put(ctx, bytes.NewReader(makeZip(t, item{name: "x"}))); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if left := stored(t, s); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestDirUnpacksAgain(t *testing.T) {
	s := openStore(t, Config{})
	code := put(t, s, makeZip(t, item{name: "x", body: "y"}))
	dir, err := s.Dir(t.Context(), code.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.removeTree(treePath(code.Digest)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got, err := s.Dir(background(), code.Digest); err != nil || got != dir {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	wg.Wait()
	if got := listing(t, dir); !slices.Contains(got, "-r--r--r-- x y") {
		t.Errorf("%v", got)
	}

	if err := s.removeTree(treePath(code.Digest)); err != nil {
		t.Fatal(err)
	}
	other := makeZip(t, item{name: "x", body: "z"})
	if err := os.WriteFile(filepath.Join(s.dir, zipPath(code.Digest)), other, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = s.Dir(t.Context(), code.Digest)
	wantError(t, err, ebb.Internal, ebb.TypeServiceException, "damaged")

	for _, d := range []ebb.Digest{"", "../../x", digestOf([]byte("never"))} {
		_, err := s.Dir(t.Context(), d)
		wantError(t, err, ebb.NotFound, ebb.TypeResourceNotFound)
		_, _, err = s.Zip(t.Context(), d)
		wantError(t, err, ebb.NotFound, ebb.TypeResourceNotFound)
	}
}

// TestOpenAfterCrash leaves what a killed process leaves at each step of Put.
func TestOpenAfterCrash(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, Config{Dir: dir})
	b := makeZip(t, item{name: "a/x", body: "y"})
	code := put(t, s, b)
	half := filepath.Join(dir, unpackedDir, tmpPrefix+"half")
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, packagesDir, tmpPrefix+"upload"), b[:10], 0o644),
		os.MkdirAll(filepath.Join(half, "sub"), 0o755),
		os.WriteFile(filepath.Join(half, "sub", "f"), nil, 0o444),
		os.Chmod(filepath.Join(half, "sub"), 0o555),
		s.removeTree(treePath(code.Digest)), // killed after the zip's rename
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	again := openStore(t, Config{Dir: dir})
	if diff := cmp.Diff([]string{zipPath(code.Digest)}, stored(t, again)); diff != "" {
		t.Error(diff)
	}
	if again.Stored() != int64(len(b)) {
		t.Errorf("stored %d", again.Stored())
	}
	put(t, again, b)
	if !again.exists(treePath(code.Digest)) {
		t.Error("the tree was not made again")
	}
}

func TestCollect(t *testing.T) {
	s := openStore(t, Config{})
	var codes []ebb.Code
	for i := range 4 {
		codes = append(codes, put(t, s, makeZip(t, item{name: "f", body: fmt.Sprint(i)})))
	}
	age := func(d ebb.Digest) {
		old := time.Now().Add(-2 * time.Hour)
		if err := os.Chtimes(filepath.Join(s.dir, zipPath(d)), old, old); err != nil {
			t.Fatal(err)
		}
	}
	age(codes[0].Digest) // in use
	age(codes[1].Digest) // unused
	age(codes[2].Digest) // unused, but put again just now
	put(t, s, makeZip(t, item{name: "f", body: "2"}))
	n, err := s.Collect(t.Context(), map[ebb.Digest]bool{codes[0].Digest: true}, time.Hour)
	if err != nil || n != 1 {
		t.Fatalf("removed %d, %v", n, err)
	}
	for i, want := range []bool{true, false, true, true} {
		d := codes[i].Digest
		if s.exists(zipPath(d)) != want || s.exists(treePath(d)) != want {
			t.Errorf("package %d: zip %v, tree %v, want %v", i, s.exists(zipPath(d)), s.exists(treePath(d)), want)
		}
	}
	if want := codes[0].Size + codes[2].Size + codes[3].Size; s.Stored() != want {
		t.Errorf("stored %d, want %d", s.Stored(), want)
	}
	if _, err := s.Dir(t.Context(), codes[1].Digest); ebb.KindOf(err) != ebb.NotFound {
		t.Errorf("%v", err)
	}
	if n, err := s.Collect(t.Context(), nil, 0); err != nil || n != 3 || len(stored(t, s)) != 0 {
		t.Errorf("removed %d, %v, left %v", n, err, stored(t, s))
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []Config{{}, {Dir: "x", MaxZipped: -1}, {Dir: "x", MaxStored: -1}} {
		_, err := Open(c)
		wantError(t, err, ebb.Invalid, ebb.TypeConfigInvalid)
	}
}
