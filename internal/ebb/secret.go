package ebb

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Secret is a named value that functions get in their environment and nobody
// reads back. The value itself is in no struct.
type Secret struct {
	Service      ServiceID
	Name         string
	Description  string
	Current      int64 // the version that unpinned references mean
	CreatedAt    time.Time
	LastModified time.Time
	Versions     []SecretVersion // kept ones, newest first
}

// SecretVersion is one value a secret has or had.
type SecretVersion struct {
	Number    int64
	Size      int  // bytes
	Binary    bool // not text: in an environment it is base64
	CreatedAt time.Time
}

// SecretRef is a value of an environment that stands for a secret:
// secret://NAME or secret://NAME#VERSION.
type SecretRef struct {
	Name    string
	Version int64 // 0 = the current one, at the start of each instance
}

// SecretScheme begins every reference.
const SecretScheme = "secret://"

var secretNameRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}$`)

// ValidSecretName reports whether name may be given to a secret.
func ValidSecretName(name string) bool { return secretNameRE.MatchString(name) }

// ParseSecretRef reads a reference. ok is false for values that are none; a
// value that begins like one and is not well formed has an empty Name.
func ParseSecretRef(value string) (ref SecretRef, ok bool) {
	rest, ok := strings.CutPrefix(value, SecretScheme)
	if !ok {
		return ref, false
	}
	name, version, pinned := strings.Cut(rest, "#")
	if !ValidSecretName(name) {
		return ref, true
	}
	if pinned {
		n, err := strconv.ParseInt(version, 10, 64)
		if err != nil || n < 1 {
			return ref, true
		}
		ref.Version = n
	}
	ref.Name = name
	return ref, true
}

// Sealed is a value that only the holder of a master key can read.
type Sealed struct {
	MasterID string // the master key that wraps its data key
	Blob     []byte
}
