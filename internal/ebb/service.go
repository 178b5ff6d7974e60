package ebb

import (
	"regexp"
	"time"
)

// Service groups functions with what they share: environment, limits, keys. It
// is what AWS calls an account: its id stands in every ARN.
type Service struct {
	ID               ServiceID
	Name             string
	Description      string
	Env              map[string]string // under each function's own, at the start of an instance
	LogRetentionDays int               // 0 = the node's
	Egress           *Egress           // where its functions may connect to at most; nil = where the node allows
	Quota            Quota
	CreatedAt        time.Time
	LastModified     time.Time
}

// Quota is what a service may take of a platform. 0 = no limit of its own.
type Quota struct {
	Concurrency   int   `json:"concurrency,omitempty"`       // invocations in flight
	MemoryMB      int   `json:"memoryMB,omitempty"`          // their functions' memory together
	Rate          int   `json:"requestsPerSecond,omitempty"` // invocations that begin in a second
	Functions     int   `json:"functions,omitempty"`
	Events        int   `json:"events,omitempty"`        // asynchronous ones that wait
	CodeStorageMB int64 `json:"codeStorageMB,omitempty"` // packages, zipped, each counted once
}

// DefaultServiceName is the name of DefaultService.
const DefaultServiceName = "default"

var serviceNameRE = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// ValidServiceName reports whether name may be given to a service. A name begins
// with a letter, so that it is never taken for an id.
func ValidServiceName(name string) bool { return serviceNameRE.MatchString(name) }
