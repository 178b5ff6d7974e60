package ebb

import "time"

// PlatformRole is what the holder of an access key may do on the platform.
type PlatformRole string

// The platform roles. package auth's table says what each may do.
const (
	RoleAdmin     PlatformRole = "admin"     // everything
	RoleOperator  PlatformRole = "operator"  // keep what there is running
	RoleDeveloper PlatformRole = "developer" // deploy and run
	RoleAuditor   PlatformRole = "auditor"   // see, but no values of secrets
	RoleInvoker   PlatformRole = "invoker"   // invoke, nothing else
)

// PlatformRoles are all of them.
func PlatformRoles() []PlatformRole {
	return []PlatformRole{RoleAdmin, RoleOperator, RoleDeveloper, RoleAuditor, RoleInvoker}
}

// AccessKey proves a caller: by AWS signatures with its secret, or by its bearer
// token. Neither is in it.
type AccessKey struct {
	ID         string    // the access key id
	Service    ServiceID // "" = the node: it acts for any service
	Name       string    // whose it is; stands in the ARN of its holder
	Role       PlatformRole
	Enabled    bool
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero = never
	LastUsedAt time.Time // to the minute; zero = never
	ReplacedBy string    // the key that rotation made in its place, or ""
}
