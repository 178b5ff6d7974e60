//go:build linux

package linux

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// hostname of every box. It is the same everywhere so that /etc/hosts can name
// it: Java resolves its own host name at start.
const hostname = "ebb"

// rootfs is what all boxes have in common: the host's programs and libraries,
// and an /etc of their own.
type rootfs struct {
	links  []initproto.Link
	mounts []initproto.Mount
}

// perBox are files of /etc that differ from box to box: links into the box's
// root, where ebb-init writes them.
var perBox = [...]string{"hosts", "passwd", "group"}

// openRootfs looks at the host's layout and writes the boxes' /etc into dir.
// A change of the host's certificates is seen after ebb's next start.
func openRootfs(dir string) (*rootfs, error) {
	r := &rootfs{}
	for _, path := range []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		st, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case st.Mode()&fs.ModeSymlink != 0: // a host with merged /usr
			target, err := os.Readlink(path)
			if err != nil {
				return nil, err
			}
			r.links = append(r.links, initproto.Link{Path: path, Target: target})
		case st.IsDir():
			r.mounts = append(r.mounts, initproto.Mount{Source: path, Target: path})
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := writeEtc(dir); err != nil {
		return nil, err
	}
	r.mounts = append(r.mounts, initproto.Mount{Source: dir, Target: "/etc"})
	return r, nil
}

// files are the box's own ones.
func (r *rootfs) files(uid int) []initproto.File {
	return []initproto.File{
		{Path: "/run/hosts", Content: hosts},
		{Path: "/run/passwd", Content: passwdLines(uid)},
		{Path: "/run/group", Content: groupLines(uid)},
	}
}

// hostEtc is what boxes see of the host's /etc: what programs need to find
// libraries, certificates and local time. Nothing that only root may read is
// copied.
var hostEtc = [...]string{
	"alternatives", "ca-certificates", "crypto-policies", "gai.conf", "host.conf",
	"java*", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types",
	"os-release", "pki/ca-trust", "pki/java", "pki/tls", "protocols", "services",
	"ssl/certs", "ssl/openssl.cnf", "timezone",
}

func writeEtc(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, pattern := range hostEtc {
		paths, err := filepath.Glob("/etc/" + pattern)
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := copyPublic(path, dir+strings.TrimPrefix(path, "/etc")); err != nil {
				return err
			}
		}
	}
	for _, name := range perBox {
		if err := os.Symlink("../run/"+name, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	own := map[string]string{
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
		"resolv.conf":   "",
		"hostname":      hostname + "\n",
	}
	for name, content := range own {
		if err := writePublic(filepath.Join(dir, name), []byte(content)); err != nil {
			return err
		}
	}
	// Not left to the umask: the boxes' uids must be able to enter.
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o755)
		}
		return err
	})
}

// copyPublic copies what everybody may read. Links are copied as links: those
// within /etc and into /usr hold in the box too.
func copyPublic(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := os.Lstat(path)
		if err != nil {
			return err
		}
		target := to + strings.TrimPrefix(path, from)
		switch {
		case d.IsDir():
			if st.Mode().Perm()&0o005 != 0o005 {
				return fs.SkipDir
			}
			return os.MkdirAll(target, 0o755)
		case st.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
				return err
			}
			return os.Symlink(link, target)
		case st.Mode().IsRegular() && st.Mode().Perm()&0o004 != 0:
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return writePublic(target, content)
		}
		return nil
	})
}

func writePublic(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(path, content, 0o644), os.Chmod(path, 0o644))
}
