package ebb

// Typed ids. All are opaque text to everyone but their maker.
type (
	// ServiceID is the 12-digit number of a service: what AWS calls an account.
	ServiceID string
	// InvocationID is the request id of one invocation, a UUID.
	InvocationID string
	// InstanceID names one instance for its whole life.
	InstanceID string
	// Digest is the SHA-256 of an artifact, 64 lower-case hex digits.
	Digest string
)

// DefaultService is the service that a fresh data directory holds.
const DefaultService ServiceID = "000000000000"

// Valid reports whether id has the shape of a service id: twelve digits.
func (id ServiceID) Valid() bool {
	if len(id) != 12 {
		return false
	}
	for _, c := range []byte(id) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// Valid reports whether d has the shape of a digest: 64 lower-case hex digits.
func (d Digest) Valid() bool {
	if len(d) != 64 {
		return false
	}
	for _, c := range []byte(d) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
