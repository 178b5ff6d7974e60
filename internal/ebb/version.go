package ebb

import (
	"strconv"
	"time"
)

// States of a version and of its last update, as the Lambda API names them.
const (
	StatePending = "Pending"
	StateActive  = "Active"
	StateFailed  = "Failed"

	UpdateSuccessful = "Successful"
	UpdateFailed     = "Failed"
	UpdateInProgress = "InProgress"
)

// Version is a function's code and settings at one time. Number 0 is $LATEST,
// which changes; all others are immutable once published.
type Version struct {
	FunctionKey
	Number       int64  // 0 = $LATEST
	RevisionID   string // changes with every write; also what instances are keyed by
	Description  string
	Runtime      string // an identifier in catalog.json
	Handler      string
	Role         string // ARN of the permission set the function acts with
	MemoryMB     int
	TimeoutS     int // seconds
	TmpMB        int // size of /tmp
	Architecture string
	PackageType  string // Zip
	Env          map[string]string
	Code         Code
	LogFormat    string // Text or JSON
	State        string
	UpdateStatus string
	StateReason  string // set when State is Failed
	LastModified time.Time
}

// Code is a version's deployment package.
type Code struct {
	Digest Digest
	Size   int64 // bytes, zipped
}

// Timeout is how long one invocation may run.
func (v *Version) Timeout() time.Duration { return time.Duration(v.TimeoutS) * time.Second }

// Qualifier is the version's own qualifier: $LATEST or its number.
func (v *Version) Qualifier() string { return VersionQualifier(v.Number) }

// VersionQualifier spells a version number as the API does.
func VersionQualifier(number int64) string {
	if number == 0 {
		return Latest
	}
	return strconv.FormatInt(number, 10)
}

// ParseVersion reads a qualifier that names a version: "", $LATEST or a number.
func ParseVersion(qualifier string) (number int64, ok bool) {
	if qualifier == "" || qualifier == Latest {
		return 0, true
	}
	n, err := strconv.ParseInt(qualifier, 10, 64)
	return n, err == nil && n > 0
}
