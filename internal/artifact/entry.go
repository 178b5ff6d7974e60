package artifact

import (
	"archive/zip"
	"encoding/binary"
	"io"
	"io/fs"
	"strings"
)

// Longest names Linux takes, with room for the path the tree is mounted at.
const (
	maxComponent = 255
	maxPath      = 3800
	maxDepth     = 256 // folders within folders
	maxTarget    = 4095
)

// kind is what an entry becomes.
type kind uint8

const (
	directory kind = iota
	regular
	symlink
)

// Extra fields in which old Unix packers wrote hard links and devices.
const (
	extraPKWAREUnix = 0x000d
	extraASiUnix    = 0x756e
)

// entryName checks an entry's name and returns it as a clean slash path
// relative to the tree; "" is the tree itself.
func entryName(name string) (string, error) {
	switch {
	case strings.ContainsRune(name, 0):
		return "", badEntry(name, "the name contains a NUL byte")
	case strings.Contains(name, `\`):
		return "", badEntry(name, `the name contains "\"; use "/" between folders`)
	case strings.HasPrefix(name, "/"):
		return "", badEntry(name, "the path is absolute")
	case len(name) >= 2 && name[1] == ':' && (len(name) == 2 || name[2] == '/') && isLetter(name[0]):
		return "", badEntry(name, "the path begins with a drive letter")
	case len(name) > maxPath:
		return "", badEntry(name, "the path is longer than %d bytes", maxPath)
	}
	var clean []string
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "" || part == ".":
		case part == "..":
			return "", badEntry(name, `the path leaves the package with ".."`)
		case len(part) > maxComponent:
			return "", badEntry(name, "a part of the path is longer than %d bytes", maxComponent)
		default:
			clean = append(clean, part)
		}
	}
	if len(clean) > maxDepth {
		return "", badEntry(name, "the path is deeper than %d folders", maxDepth)
	}
	return strings.Join(clean, "/"), nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// entryKind says what an entry becomes, or why ebb does not take it.
func entryKind(f *zip.File) (kind, error) {
	// Bits 0, 6 and 13: encrypted, strongly encrypted, directory masked.
	if f.Flags&(1<<0|1<<6|1<<13) != 0 {
		return 0, badEntry(f.Name, "it is encrypted")
	}
	if linksElsewhere(f.Extra) {
		return 0, badEntry(f.Name, "it is a hard link or a device")
	}
	switch f.Method {
	case zip.Store, zip.Deflate:
	default:
		return 0, badEntry(f.Name, "compression method %d is not supported", f.Method)
	}
	mode := f.Mode()
	switch slash := strings.HasSuffix(f.Name, "/"); {
	case mode.IsDir() && mode.Type() == fs.ModeDir:
		return directory, nil
	case slash:
		return 0, badEntry(f.Name, "the name is a folder's but the type is not")
	case mode.IsRegular():
		return regular, nil
	case mode.Type() == fs.ModeSymlink:
		return symlink, nil
	}
	return 0, badEntry(f.Name, "it is neither a file, a folder nor a symbolic link (%s)", mode.Type())
}

// linksElsewhere reports whether an extra field carries a link name or a device
// number, which both formats write after their fixed part.
func linksElsewhere(extra []byte) bool {
	for len(extra) >= 4 {
		id, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		extra = extra[4:]
		if n > len(extra) {
			return false // not our business: the reader ignores it as well
		}
		if id == extraPKWAREUnix && n > 12 || id == extraASiUnix && n > 14 {
			return true
		}
		extra = extra[n:]
	}
	return false
}

// linkTarget reads where a symbolic link points, which is its content.
func linkTarget(f *zip.File) (string, error) {
	r, err := f.Open()
	if err != nil {
		return "", badEntry(f.Name, "%v", err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxTarget+1))
	if err != nil {
		return "", badEntry(f.Name, "%v", err)
	}
	target := string(b)
	switch {
	case target == "" || len(target) > maxTarget || strings.ContainsRune(target, 0):
		return "", badEntry(f.Name, "the symbolic link has no proper target")
	case strings.HasPrefix(target, "/"):
		return "", badEntry(f.Name, "the symbolic link points to the absolute path %q", target)
	}
	return target, nil
}
