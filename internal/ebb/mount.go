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
	Name        string // of the offer
	AccessPoint string // instead of Name: the folder that stands for it, as writable as it is offered
	Path        string // in the instance, below /mnt
	Writable    bool
}

// FileSystem is a folder that a version asks for by the ARN of an access point.
type FileSystem struct {
	ARN  string `json:"arn"`
	Path string `json:"path"` // in the instance, below /mnt
}

// MountOffer is a folder that the platform's operator lets functions have.
type MountOffer struct {
	Name   string `yaml:"name"`
	Source string `yaml:"source"` // absolute, on the host
	// AccessPoint is the ARN under which Lambda's FileSystemConfigs ask for it; empty: none.
	AccessPoint string `yaml:"accessPoint"`
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
	// As the Lambda API has it.
	accessPointRE = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:elasticfilesystem:[a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\d{1}:\d{12}:access-point/fsap-[a-f0-9]{17}$`)
	ownerRE       = regexp.MustCompile(`^[0-9]{1,10}(:[0-9]{1,10})?$`)
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
	if !mountNameRE.MatchString(m.Name) {
		return m, fmt.Errorf("%.80q is not a name of 1 to 63 of a-z, 0-9 and -", m.Name)
	}
	return m, checkMountPath(m.Path)
}

func checkMountPath(p string) error {
	if len(p) > 160 || !mountPathRE.MatchString(p) || path.Clean(p) != p {
		return fmt.Errorf("%.180q is not /mnt/ with a name of letters, digits and ., - or _", p)
	}
	return nil
}

// CheckFileSystems checks the shape of what a version asks for by access points, beside
// what its EnvMounts ask for. Errors name the field.
func CheckFileSystems(list []FileSystem, others []MountRequest) error {
	if len(list)+len(others) > MaxMounts {
		return fmt.Errorf("FileSystemConfigs: with those of %s these are %d folders, more than %d", EnvMounts, len(list)+len(others), MaxMounts)
	}
	paths := make(map[string]bool)
	for _, m := range others {
		paths[m.Path] = true
	}
	for i, f := range list {
		if !accessPointRE.MatchString(f.ARN) {
			return fmt.Errorf("FileSystemConfigs[%d].Arn: %.200q is not the ARN of an access point", i, f.ARN)
		}
		if err := checkMountPath(f.Path); err != nil {
			return fmt.Errorf("FileSystemConfigs[%d].LocalMountPath: %w", i, err)
		}
		if paths[f.Path] {
			return fmt.Errorf("FileSystemConfigs[%d].LocalMountPath: %s is there twice", i, f.Path)
		}
		paths[f.Path] = true
	}
	return nil
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
	case o.AccessPoint != "" && !accessPointRE.MatchString(o.AccessPoint):
		return fmt.Errorf("accessPoint: %.200q is not arn:aws:elasticfilesystem:REGION:ACCOUNT:access-point/fsap-…", o.AccessPoint)
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
		list = nil
	}
	for _, f := range v.FileSystems {
		list = append(list, MountRequest{AccessPoint: f.ARN, Path: f.Path})
	}
	return list
}

// Offer finds what m asks for among the offers to a function, or nil.
func (m *MountRequest) Offer(offers []MountOffer, key FunctionKey) *MountOffer {
	for i := range offers {
		o := &offers[i]
		if (m.AccessPoint == "" && o.Name == m.Name || m.AccessPoint != "" && o.AccessPoint == m.AccessPoint) && o.OfferedTo(key) {
			return o
		}
	}
	return nil
}
