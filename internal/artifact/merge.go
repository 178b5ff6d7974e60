package artifact

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// merged is one name of an image's tree: a folder with children, a symbolic
// link, or a file of one of its layers.
type merged struct {
	children map[string]*merged // not nil: a folder
	target   string             // not "": a symbolic link
	owner    *owner             // nil: nobody in particular
	layer    ebb.Digest         // of a file
	file     int
}

func newFolder() *merged { return &merged{children: make(map[string]*merged)} }

func (m *merged) isFolder() bool { return m.children != nil }

// merge lays the layers of an image on each other, in memory: a layer first
// takes away from those below it, then adds. read gives a layer's index.
func merge(layers []ebb.Digest, read func(ebb.Digest) ([]entry, error)) (*merged, error) {
	root := newFolder()
	for _, d := range layers {
		entries, err := read(d)
		if err != nil {
			return nil, err
		}
		for i := range entries {
			root.takeAway(&entries[i])
		}
		for i := range entries {
			if err := root.add(d, &entries[i]); err != nil {
				return nil, fmt.Errorf("layer sha256:%s: entry %.200q: %w", d, entries[i].Path, err)
			}
		}
	}
	return root, nil
}

// takeAway does what a whiteout says. What it names need not be there.
func (m *merged) takeAway(e *entry) {
	switch e.Do {
	case entryRemove:
		dir, base := splitName(e.Path)
		if parent := m.find(dir); parent != nil && parent.isFolder() {
			delete(parent.children, base)
		}
	case entryOpaque:
		if dir := m.find(e.Path); dir != nil && dir.isFolder() {
			clear(dir.children)
		}
	}
}

var errNoTarget = errors.New("the hard link leads to no file")

func (m *merged) add(layer ebb.Digest, e *entry) error {
	if e.Do == entryRemove || e.Do == entryOpaque || e.Path == "" {
		return nil
	}
	made := &merged{owner: e.Owner}
	switch e.Do {
	case entryFile:
		made.layer, made.file = layer, e.File
	case entrySymlink:
		made.target = e.Target
	case entryDir:
		made = &merged{children: make(map[string]*merged), owner: e.Owner}
	case entryLink:
		other := m.find(e.Target)
		if other == nil || other.isFolder() {
			return errNoTarget
		}
		*made = *other
	default:
		return fmt.Errorf("unknown kind %q", e.Do)
	}
	dir, base := splitName(e.Path)
	parent, err := m.folder(dir)
	if err != nil {
		return err
	}
	if old := parent.children[base]; old != nil && old.isFolder() && made.isFolder() {
		old.owner = made.owner
		return nil // it stays, with what is in it
	}
	parent.children[base] = made
	return nil
}

// find returns the node of a path whose folders may be links; nil if there is none.
func (m *merged) find(path string) *merged {
	dir, base := splitName(path)
	if base == "" {
		return m
	}
	parent, _ := m.walk(dir, false)
	if parent == nil {
		return nil
	}
	return parent.children[base]
}

// folder returns the folder that path leads to through links, making what is
// missing: with a merged /usr, a layer's bin/x is in usr/bin.
func (m *merged) folder(path string) (*merged, error) { return m.walk(path, true) }

// walk resolves path as the kernel would inside the box: absolute links begin at
// the root, and ".." ends there. Without make, nil means no such folder.
func (m *merged) walk(path string, create bool) (*merged, error) {
	at := []*merged{m}
	rest := parts(path)
	for hops := 0; len(rest) > 0; {
		part := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		switch part {
		case "", ".":
			continue
		case "..":
			at = at[:max(1, len(at)-1)]
			continue
		}
		here := at[len(at)-1]
		next := here.children[part]
		switch {
		case next != nil && next.isFolder():
			at = append(at, next)
		case next != nil && next.target != "":
			if hops++; hops > maxHops {
				return nil, errors.New("its folder is a symbolic link that goes round in circles")
			}
			if strings.HasPrefix(next.target, "/") {
				at = at[:1]
			}
			rest = append(rest, parts(next.target)...)
		case !create:
			return nil, nil
		default: // missing, or a file that a later layer made a folder
			if len(at) > maxDepth {
				return nil, fmt.Errorf("it is deeper than %d folders", maxDepth)
			}
			here.children[part] = newFolder()
			at = append(at, here.children[part])
		}
	}
	return at[len(at)-1], nil
}

// parts is a stack: the first part of the path is the last element.
func parts(path string) []string {
	p := strings.Split(path, "/")
	slices.Reverse(p)
	return p
}
