package statesapi

import (
	"slices"

	"github.com/ebb-faas/ebb/internal/awswire"
)

// Action is what permissions call an operation of this API.
func Action(operation string) string { return "states:" + operation }

// Routes lists the operations that are offered.
func Routes() []awswire.Operation {
	known := handlers()
	return slices.DeleteFunc(service().Operations, func(op awswire.Operation) bool { return known[op.Name] == nil })
}
