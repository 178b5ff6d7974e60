package sandbox

import (
	"path"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Defaults of Limits.
const (
	DefaultMemoryMB = 128
	DefaultPIDs     = 1024
	DefaultFiles    = 1024
	DefaultTmpMB    = 512
	DefaultShmMB    = 64
)

// FolderRoot is where a box has the folders of others. As one of Spec.Places it
// lets Attach bring some whose targets are not known yet.
const FolderRoot = "/mnt"

// memoryPerCPU is how many MB of memory come with one vCPU's weight.
const memoryPerCPU = 1769

// WithDefaults fills in what is zero. The CPU weight follows the memory
// (1769 MB = one vCPU); the largest file follows /tmp, a little above its size
// so that a full /tmp is ENOSPC and not SIGXFSZ.
func (l Limits) WithDefaults() Limits {
	orDefault(&l.MemoryMB, DefaultMemoryMB)
	orDefault(&l.CPUWeight, max(2, 1024*l.MemoryMB/memoryPerCPU))
	orDefault(&l.PIDs, DefaultPIDs)
	orDefault(&l.Files, DefaultFiles)
	orDefault(&l.TmpMB, DefaultTmpMB)
	orDefault(&l.FileSizeMB, l.TmpMB+l.TmpMB/10+64)
	orDefault(&l.ShmMB, DefaultShmMB)
	return l
}

func orDefault(v *int, def int) {
	if *v <= 0 {
		*v = def
	}
}

// Validate checks the shape of a Spec; whether sources exist is found out when
// the box is made. Errors name the field.
func (s *Spec) Validate() error {
	if !validID(s.ID) {
		return invalid("ID: %q is not 1 to 40 of a-z, 0-9 and -", s.ID)
	}
	if err := s.validateRoot(); err != nil {
		return err
	}
	for _, m := range s.Mounts {
		if !cleanAbsolute(m.Source) {
			return invalid("Mounts: source %q is not a clean absolute path", m.Source)
		}
		if !cleanAbsolute(m.Target) || m.Target == "/" {
			return invalid("Mounts: target %q is not a clean absolute path below /", m.Target)
		}
		if f := m.Folder; f != nil {
			if path.Dir(m.Target) != FolderRoot {
				return invalid("Mounts: target %q of a folder is not directly below %s", m.Target, FolderRoot)
			}
			if f.Owned && (f.UID <= 0 || f.GID <= 0) {
				return invalid("Mounts: the owner %d:%d of a folder is root, or nobody", f.UID, f.GID)
			}
		}
	}
	for _, p := range s.Places {
		if !cleanAbsolute(p) || p == "/" {
			return invalid("Places: %q is not a clean absolute path below /", p)
		}
	}
	return nil
}

func (s *Spec) validateRoot() error {
	switch {
	case s.Root == "" && (s.User != nil || s.WritableRoot):
		return invalid("User, WritableRoot: are for a box with a Root")
	case s.Root != "" && !cleanAbsolute(s.Root):
		return invalid("Root: %q is not a clean absolute path", s.Root)
	case s.User == nil:
		return nil
	}
	for _, id := range append([]int{s.User.UID, s.User.GID}, s.User.Groups...) {
		if id < 0 || id > ebb.MaxUserID {
			return invalid("User: the number %d is not between 0 and %d", id, ebb.MaxUserID)
		}
	}
	return nil
}

// Validate checks the shape of a Process. Errors name the field.
func (p *Process) Validate() error {
	if len(p.Argv) == 0 || !cleanAbsolute(p.Argv[0]) {
		return invalid("Argv: the program must be a clean absolute path, not %q", p.Argv)
	}
	return p.ValidateInRoot()
}

// ValidateInRoot is Validate for a box with Spec.Root, whose programs are looked
// for inside it.
func (p *Process) ValidateInRoot() error {
	if len(p.Argv) == 0 || p.Argv[0] == "" {
		return invalid("Argv: there is no program")
	}
	if !cleanAbsolute(p.Dir) {
		return invalid("Dir: %q is not a clean absolute path", p.Dir)
	}
	for _, list := range [][]string{p.Argv, p.Env} {
		for _, v := range list {
			if strings.IndexByte(v, 0) >= 0 {
				return invalid("Argv, Env: %q holds a NUL byte", v)
			}
		}
	}
	return nil
}

// ValidateCompanion is Validate for Box.Spawn; inRoot says that the box has
// Spec.Root.
func (p *Process) ValidateCompanion(inRoot bool) error {
	if p.Framed || p.AttachLater {
		return invalid("Framed, AttachLater: are for the process of Start")
	}
	if inRoot {
		return p.ValidateInRoot()
	}
	return p.Validate()
}

func validID(id string) bool {
	if id == "" || len(id) > 40 {
		return false
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func cleanAbsolute(p string) bool {
	return path.IsAbs(p) && path.Clean(p) == p && strings.IndexByte(p, 0) < 0
}

func invalid(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, format, args...)
}
