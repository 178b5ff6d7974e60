package ebb

import (
	"regexp"
	"time"
)

// Alias is a name for one version of a function, or for two that share its
// invocations.
type Alias struct {
	FunctionKey
	Alias       string // its own name
	Version     int64  // 0 = $LATEST
	Description string
	// Canary is the second version, which gets Weight of the invocations; 0 = none.
	// Both are published versions then.
	Canary       int64
	Weight       float64 // 0 to 1
	RevisionID   string  // changes with every write
	LastModified time.Time
}

var (
	aliasRE  = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,128}$`)
	digitsRE = regexp.MustCompile(`^[0-9]+$`)
)

// ValidAliasName reports whether name may be given to an alias: a number names a
// version.
func ValidAliasName(name string) bool {
	return aliasRE.MatchString(name) && !digitsRE.MatchString(name)
}
