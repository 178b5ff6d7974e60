package artifact

import (
	"archive/tar"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Names with which a layer takes away from the layers below.
const (
	whiteoutPrefix = ".wh."
	opaqueMarker   = ".wh..wh..opq"
	aufsPrefix     = ".wh..wh." // of aufs's own files, which mean nothing here
)

// What an entry of a layer does to the tree.
const (
	entryFile    = "file"
	entryDir     = "dir"
	entrySymlink = "symlink"
	entryLink    = "link"   // another name of a file, Target
	entryRemove  = "remove" // Path is not in the layers below
	entryOpaque  = "opaque" // nothing below the folder Path is
)

// entry is one line of a layer's index.
type entry struct {
	Path   string `json:"p"` // clean, relative, "" = the root itself
	Do     string `json:"d"`
	Exec   bool   `json:"x,omitempty"`
	Owner  *owner `json:"o,omitempty"` // nil: the store cannot keep owners
	Target string `json:"t,omitempty"` // of a symlink as it stands; of a link a clean path
	File   int    `json:"n,omitempty"` // number of a file's content
}

// owner is whose a name of an image is and what they may do with it, in the image's
// own numbers.
type owner struct {
	Mode uint32 `json:"m"` // permissions, and the sticky bit
	UID  int    `json:"u,omitempty"`
	GID  int    `json:"g,omitempty"`
}

// ownerOf takes from a header what means something in a box: no bits that lend an
// identity, and nobody beyond a box's own users.
func ownerOf(h *tar.Header) *owner {
	id := func(n int) int {
		if n < 0 || n > ebb.MaxUserID {
			return nobody
		}
		return n
	}
	return &owner{Mode: uint32(h.Mode) & 0o1777, UID: id(h.Uid), GID: id(h.Gid)}
}

func (o *owner) mode() fs.FileMode {
	mode := fs.FileMode(o.Mode & 0o777)
	if o.Mode&0o1000 != 0 {
		mode |= fs.ModeSticky
	}
	return mode
}

// nobody is the user and the group of files whose owner no box can have.
const nobody = 65534

// layerEntry says what a header means; nil means nothing. Device nodes, pipes
// and sockets have no place in a box, and who owned a file, its set-id bits and
// its extended attributes no meaning.
func layerEntry(h *tar.Header) (*entry, error) {
	path, err := layerName(h.Name)
	if err != nil {
		return nil, err
	}
	dir, base := splitName(path)
	switch {
	case base == opaqueMarker:
		return &entry{Path: dir, Do: entryOpaque}, nil
	case strings.HasPrefix(base, aufsPrefix):
		return nil, nil
	case strings.HasPrefix(base, whiteoutPrefix):
		name := strings.TrimPrefix(base, whiteoutPrefix)
		if name == "" || name == "." || name == ".." {
			return nil, errors.New("it removes nothing that has a name")
		}
		return &entry{Path: joinName(dir, name), Do: entryRemove}, nil
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return &entry{Path: path, Do: entryDir}, nil
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont: // of old tars the reader makes TypeReg
		if path == "" || strings.HasSuffix(h.Name, "/") {
			if path != "" && h.Size == 0 {
				return &entry{Path: path, Do: entryDir}, nil // how tars before 1988 wrote folders
			}
			return nil, errors.New("a file has no name")
		}
		return &entry{Path: path, Do: entryFile, Exec: h.Mode&0o111 != 0}, nil
	case tar.TypeSymlink:
		if path == "" || h.Linkname == "" || len(h.Linkname) > maxTarget || strings.ContainsRune(h.Linkname, 0) {
			return nil, errors.New("the symbolic link has no proper name or target")
		}
		return &entry{Path: path, Do: entrySymlink, Target: h.Linkname}, nil
	case tar.TypeLink:
		target, err := layerName(h.Linkname)
		if err != nil || path == "" || target == "" {
			return nil, fmt.Errorf("the hard link to %.200q has no proper name or target", h.Linkname)
		}
		return &entry{Path: path, Do: entryLink, Target: target}, nil
	}
	return nil, nil
}

// layerName cleans a name of a layer: "./a", "/a" and "a/" are all "a".
func layerName(name string) (string, error) {
	if strings.ContainsRune(name, 0) || len(name) > maxPath {
		return "", fmt.Errorf("the name has a NUL byte or more than %d bytes", maxPath)
	}
	var clean []string
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "" || part == ".":
		case part == "..":
			return "", errors.New(`the name has ".." in it`)
		case len(part) > maxComponent:
			return "", fmt.Errorf("a part of the name is longer than %d bytes", maxComponent)
		default:
			clean = append(clean, part)
		}
	}
	if len(clean) > maxDepth {
		return "", fmt.Errorf("it is deeper than %d folders", maxDepth)
	}
	return strings.Join(clean, "/"), nil
}

func splitName(path string) (dir, base string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

func joinName(dir, base string) string {
	if dir == "" {
		return base
	}
	return dir + "/" + base
}
