package ebb

import "time"

// APIKey lets its holder call HTTP routes of its service. The key itself is told
// once and not kept.
type APIKey struct {
	ID         string
	Service    ServiceID
	Name       string
	Enabled    bool
	Triggers   []string // names of the routes it opens; none = all of the service that take keys
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero = never
	LastUsedAt time.Time // to the minute; zero = never
}
