package ebb

// ResourcePolicy is who else may use a function, an alias, a version or a layer version.
// It never takes a right away.
type ResourcePolicy struct {
	RevisionID string // changes with every write
	Statements []Permission
}

// Permission allows one principal one action, under conditions that must all hold.
// Empty fields ask for nothing.
type Permission struct {
	ID        string // unique within the policy
	Action    string // lambda:InvokeFunction, lambda:*, …
	Principal string // as it was given: a service's name (s3.amazonaws.com), a 12-digit id, an ARN or *

	SourceARN        string `json:",omitempty"` // may have * and ?
	SourceAccount    string `json:",omitempty"`
	OrgID            string `json:",omitempty"`
	EventSourceToken string `json:",omitempty"`
	URLAuthType      string `json:",omitempty"`
	ViaURL           *bool  `json:",omitempty"` // whether it must, or must not, come through a function URL
}
