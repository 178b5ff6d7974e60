package ebb

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// EnvMounts is the variable of a version's environment that asks for folders of
// the host or of a NAS, see ParseMounts.
const EnvMounts = "EBB_MOUNTS"

// MaxMounts is how many a version may ask for.
const MaxMounts = 5

// MountRequest is a version's wish for a folder that the platform offers.
type MountRequest struct {
	Name     string // of the offer
	Path     string // in the instance, below /mnt
	Writable bool
}

// MountOffer is a folder that the platform's operator lets functions have.
type MountOffer struct {
	Name   string `yaml:"name"`
	Source string `yaml:"source"` // absolute, on the host
	// ReadOnly keeps everybody from writing, whatever they ask for.
	ReadOnly bool `yaml:"readOnly"`
	// NoExec keeps programs in the folder from being executed.
	NoExec bool `yaml:"noExec"`
	// Owner is whose the files are, as UID or UID:GID: an instance acts on this
	// folder as that user. Empty: it is a stranger there, as it is everywhere.
	Owner string `yaml:"owner"`
	// Functions are those that may have it: SERVICE/FUNCTION, where * in place of
	// either stands for all.
	Functions []string `yaml:"functions"`
}

var (
	mountNameRE = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	mountPathRE = regexp.MustCompile(`^/mnt/[a-zA-Z0-9_.-]+$`)
	ownerRE     = regexp.MustCompile(`^[0-9]{1,10}(:[0-9]{1,10})?$`)
)

// ParseMounts reads NAME:/mnt/FOLDER[:ro|rw], several with commas between them.
// Without ro or rw a folder is read-only.
func ParseMounts(text string) ([]MountRequest, error) {
	var list []MountRequest
	names, paths := make(map[string]bool), make(map[string]bool)
	for word := range strings.FieldsFuncSeq(text, isSeparator) {
		m, err := parseMount(word)
		if err != nil {
			return nil, fmt.Errorf("%.140q: %w", word, err)
		}
		if names[m.Name] || paths[m.Path] {
			return nil, fmt.Errorf("%.140q: its name or its path is there twice", word)
		}
		names[m.Name], paths[m.Path] = true, true
		list = append(list, m)
	}
	if len(list) > MaxMounts {
		return nil, fmt.Errorf("%d mounts are more than %d", len(list), MaxMounts)
	}
	return list, nil
}

func parseMount(text string) (m MountRequest, err error) {
	parts := strings.Split(text, ":")
	switch {
	case len(parts) == 3 && parts[2] == "rw":
		m.Writable = true
	case len(parts) == 3 && parts[2] == "ro", len(parts) == 2:
	default:
		return m, errors.New("it is not NAME:/mnt/FOLDER, NAME:/mnt/FOLDER:ro or NAME:/mnt/FOLDER:rw")
	}
	m.Name, m.Path = parts[0], parts[1]
	switch {
	case !mountNameRE.MatchString(m.Name):
		return m, fmt.Errorf("%.80q is not a name of 1 to 63 of a-z, 0-9 and -", m.Name)
	case len(m.Path) > 160 || !mountPathRE.MatchString(m.Path) || path.Clean(m.Path) != m.Path:
		return m, fmt.Errorf("%.180q is not /mnt/ with a name of letters, digits, -, _ and .", m.Path)
	}
	return m, nil
}

// Validate checks an offer's shape. Errors name the field.
func (o *MountOffer) Validate() error {
	switch {
	case !mountNameRE.MatchString(o.Name):
		return fmt.Errorf("name: %.80q is not 1 to 63 of a-z, 0-9 and -", o.Name)
	case !path.IsAbs(o.Source) || path.Clean(o.Source) != o.Source || strings.ContainsRune(o.Source, 0):
		return fmt.Errorf("source: %.200q is not a clean absolute path", o.Source)
	case o.Source == "/":
		return errors.New("source: the whole of the host's files is not offered")
	case o.Owner != "" && !ownerRE.MatchString(o.Owner):
		return fmt.Errorf("owner: %.40q is not UID or UID:GID", o.Owner)
	case strings.HasPrefix(o.Owner, "0:") || o.Owner == "0" || strings.HasSuffix(o.Owner, ":0"):
		return errors.New("owner: not root")
	case o.Owner != "" && !numbers(o):
		return fmt.Errorf("owner: %.40q is beyond 2147483647", o.Owner)
	case len(o.Functions) == 0:
		return errors.New("functions: it names nobody who may have it; [\"*\"] is everybody")
	}
	return nil
}

func numbers(o *MountOffer) bool { _, _, ok := o.OwnerIDs(); return ok }

// OwnerIDs are the user and the group of Owner, if it is set.
func (o *MountOffer) OwnerIDs() (uid, gid int, ok bool) {
	if o.Owner == "" {
		return 0, 0, false
	}
	user, group, both := strings.Cut(o.Owner, ":")
	if !both {
		group = user
	}
	u, err1 := strconv.ParseUint(user, 10, 31)
	g, err2 := strconv.ParseUint(group, 10, 31)
	return int(u), int(g), err1 == nil && err2 == nil
}

// OfferedTo reports whether a function may have the folder.
func (o *MountOffer) OfferedTo(key FunctionKey) bool {
	for _, f := range o.Functions {
		service, name, both := strings.Cut(f, "/")
		if !both {
			service, name = "*", f
		}
		if (service == "*" || service == string(key.Service)) && (name == "*" || name == key.Name) {
			return true
		}
	}
	return false
}

// Mounts are the folders that the version asks for. A setting that cannot be
// read asks for none; it was refused when the version was made.
func (v *Version) Mounts() []MountRequest {
	list, err := ParseMounts(v.Setting(EnvMounts))
	if err != nil {
		return nil
	}
	return list
}
