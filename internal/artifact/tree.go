package artifact

import (
	"archive/zip"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const (
	// maxHops is how many links a path may go through, as in the kernel.
	maxHops = 40
	// maxSteps bounds the work of following all links of one package.
	maxSteps = 500_000
	// maxTargets bounds the targets of all links together, in bytes: they are
	// kept in memory until the tree is written.
	maxTargets = 4 << 20
)

// node is one name of the tree to be.
type node struct {
	kind   kind
	exec   bool
	listed bool      // an entry of its own, not only the folder of one
	file   *zip.File // nil for a folder that is only implied
	target string    // of a symbolic link
}

// tree is what a zip would unpack to, checked before anything is written.
type tree struct {
	nodes map[string]*node
	order []string // folders before what is in them, otherwise as in the zip
	max   int
	links int // bytes of all link targets
}

// plan reads the directory of a zip into a tree and refuses what ebb does not
// take. Sizes are only claims here; unpacking counts real bytes.
func plan(zr *zip.Reader, maxFiles int, maxUnpacked int64) (*tree, error) {
	t := &tree{nodes: make(map[string]*node, len(zr.File)), max: maxFiles}
	var claimed uint64
	for _, f := range zr.File {
		name, err := entryName(f.Name)
		if err != nil {
			return nil, err
		}
		k, err := entryKind(f)
		if err != nil {
			return nil, err
		}
		n := &node{kind: k, file: f, listed: true}
		switch k {
		case regular:
			n.exec = f.Mode()&0o111 != 0
			if f.UncompressedSize64 > uint64(maxUnpacked) {
				return nil, unpackedTooLarge(maxUnpacked, f.Name)
			}
			if claimed += f.UncompressedSize64; claimed > uint64(maxUnpacked) {
				return nil, unpackedTooLarge(maxUnpacked, "")
			}
		case symlink:
			if n.target, err = linkTarget(f); err != nil {
				return nil, err
			}
			if t.links += len(n.target); t.links > maxTargets {
				return nil, badEntry(f.Name, "the symbolic links are too many")
			}
		}
		if err := t.add(name, n); err != nil {
			return nil, err
		}
	}
	if len(t.nodes) == 0 {
		return nil, emptyZip()
	}
	return t, t.checkLinks()
}

// add places a node and the folders above it.
func (t *tree) add(name string, n *node) error {
	if name == "" {
		if n.kind == directory {
			return nil // "./": the tree itself
		}
		return badEntry(n.file.Name, "it has no name")
	}
	for i, c := range name {
		if c == '/' {
			if err := t.parent(name[:i], n.file.Name); err != nil {
				return err
			}
		}
	}
	if old := t.nodes[name]; old != nil {
		if old.listed || n.kind != directory || old.kind != directory {
			return badEntry(n.file.Name, "the name occurs twice")
		}
		old.listed = true
		return nil
	}
	return t.insert(name, n)
}

// parent makes sure that dir is a folder: a file or a link there would be
// written through.
func (t *tree) parent(dir, entry string) error {
	switch n := t.nodes[dir]; {
	case n == nil:
		return t.insert(dir, &node{kind: directory})
	case n.kind != directory:
		return badEntry(entry, "%q, in which it lies, is not a folder", dir)
	}
	return nil
}

func (t *tree) insert(name string, n *node) error {
	if len(t.nodes) >= t.max {
		return tooManyFiles(t.max)
	}
	t.nodes[name] = n
	t.order = append(t.order, name)
	return nil
}

func tooManyFiles(limit int) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
		"%s (more than %d files and folders)", msgCannotUnzip, limit)
}

// checkLinks follows every symbolic link as the kernel would, through the other
// links, and refuses those that step out of the tree on the way. Comparing the
// cleaned target is not enough: a link to a far folder makes its ".." mean
// another place.
func (t *tree) checkLinks() error {
	steps := 0
	for _, name := range t.order {
		n := t.nodes[name]
		if n.kind != symlink {
			continue
		}
		if err := t.follow(name, n, &steps); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) follow(name string, n *node, steps *int) error {
	at := strings.Split(name, "/")
	at = at[:len(at)-1]
	rest := strings.Split(n.target, "/")
	slices.Reverse(rest) // a stack: the next part is the last
	for hops := 0; len(rest) > 0; {
		if *steps++; *steps > maxSteps {
			return badEntry(n.file.Name, "the symbolic links are too entangled")
		}
		part := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		switch part {
		case "", ".":
			continue
		case "..":
			if len(at) == 0 {
				return badEntry(n.file.Name, "the symbolic link to %q leaves the package", n.target)
			}
			at = at[:len(at)-1]
			continue
		}
		at = append(at, part)
		next := t.nodes[strings.Join(at, "/")]
		if next == nil || next.kind != symlink {
			continue
		}
		if hops++; hops > maxHops {
			return badEntry(n.file.Name, "the symbolic link goes round in circles")
		}
		at = at[:len(at)-1]
		parts := strings.Split(next.target, "/")
		slices.Reverse(parts)
		rest = append(rest, parts...)
	}
	return nil
}

// openZip reads a zip's directory with a bound on how much of it is read: each
// entry costs memory many times its size in the file.
func openZip(f io.ReaderAt, size int64, maxFiles int) (*zip.Reader, error) {
	budget := &budgetReader{r: f, left: directoryBudget(maxFiles)}
	zr, err := zip.NewReader(budget, size)
	if budget.left < 0 {
		return nil, tooManyFiles(maxFiles)
	}
	// Insecure paths are refused by name, whatever GODEBUG says about them.
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, badZip("%v", err)
	}
	budget.open = true // from here on entries are read, which are counted apart
	return zr, nil
}

// directoryBudget allows names of some 200 bytes on average, and the search for
// the end of the directory.
func directoryBudget(maxFiles int) int64 { return int64(maxFiles)*256 + 256<<10 }

type budgetReader struct {
	r    io.ReaderAt
	left int64
	open bool
}

func (b *budgetReader) ReadAt(p []byte, off int64) (int, error) {
	if !b.open {
		if b.left -= int64(len(p)); b.left < 0 {
			return 0, errors.New("the directory of the zip is too long")
		}
	}
	return b.r.ReadAt(p, off)
}
