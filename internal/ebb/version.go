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
	PackageType  string // PackageZip or PackageImage
	Image        *Image // with PackageImage; it has no Runtime and no Handler then
	Env          map[string]string
	Code         Code
	Layers       []Layer // laid over each other in /opt, the last one on top
	LogFormat    string  // Text or JSON
	FileSystems  []FileSystem
	PerTenant    bool   // an instance serves one tenant only; invocations must name theirs
	DeadLetter   string // ARN of the Target of events that failed, or ""
	State        string
	UpdateStatus string
	StateReason  string // set when State is Failed
	LastModified time.Time
}

// Types of package.
const (
	PackageZip   = "Zip"
	PackageImage = "Image"
)

// Code is a version's deployment package.
type Code struct {
	Digest Digest // of the zip, or of the image's manifest
	Size   int64  // bytes, zipped; 0 of an image
}

// Image is the container image of a version.
type Image struct {
	URI      string      // as it was asked for
	Resolved string      // what that was when it was stored: a reference with the digest
	Config   ImageConfig // what to do otherwise than the image says
	// Settings are those variables of the image's own environment that change how
	// it is run, see Version.Setting.
	Settings map[string]string `json:",omitempty"`
}

// ImageConfig overrides what a container image says about running it. Empty
// fields leave it as it is.
type ImageConfig struct {
	EntryPoint       []string `json:",omitempty"`
	Command          []string `json:",omitempty"`
	WorkingDirectory string   `json:",omitempty"`
}

// Empty reports whether nothing is overridden.
func (c *ImageConfig) Empty() bool {
	return len(c.EntryPoint) == 0 && len(c.Command) == 0 && c.WorkingDirectory == ""
}

// IsImage reports whether the version runs a container image.
func (v *Version) IsImage() bool { return v.PackageType == PackageImage }

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

// CheckTenant sees to it that an invocation names its tenant where that counts,
// and only there.
func (v *Version) CheckTenant(tenant string) error {
	switch {
	case v.PerTenant && tenant == "":
		return Errorf(Invalid, TypeInvalidParameterValue,
			"TenantId: The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again.")
	case !v.PerTenant && tenant != "":
		return Errorf(Invalid, TypeInvalidParameterValue,
			"TenantId: The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again.")
	}
	return nil
}
