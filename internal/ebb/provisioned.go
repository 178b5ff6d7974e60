package ebb

import "time"

// Provisioned asks for instances of a version, or of what an alias names, that
// are initialised before anybody needs them and stay.
type Provisioned struct {
	FunctionKey
	Qualifier    string // version number or alias, never $LATEST
	Executions   int    // invocations that shall find an instance ready
	LastModified time.Time
}

// States of Provisioned, as the Lambda API names them.
const (
	ProvisionedInProgress = "IN_PROGRESS"
	ProvisionedReady      = "READY"
	ProvisionedFailed     = "FAILED"
)

// ProvisionedState is what has become of a Provisioned.
type ProvisionedState struct {
	Allocated int    // invocations that its instances have places for
	Available int    // those of them that are free
	Failure   string // why the last start failed, "" if it did not
}

// Status sums the state up for one who asked for so many executions.
func (s *ProvisionedState) Status(executions int) string {
	switch {
	case s.Allocated >= executions:
		return ProvisionedReady
	case s.Failure != "":
		return ProvisionedFailed
	}
	return ProvisionedInProgress
}
