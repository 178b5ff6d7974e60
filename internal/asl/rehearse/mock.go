package rehearse

import (
	"fmt"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/jsonata"
)

// Mock is what a state's call comes to.
type Mock struct {
	When   *asl.Value    // only for calls whose parameters contain this; nil = for all
	Output *asl.Value    // nil with no Error = an empty object
	Error  string        // "" = it succeeds
	Cause  string        // of the error
	Delay  time.Duration // how long it takes; longer than TimeoutSeconds is a timeout
	Items  []any         // of a distributed Map: what its ItemReader reads
}

// Mocks are the mocks of a state. One mock is for all calls, several are for one
// call each, in order; those with a condition are for all calls that meet it.
type Mocks []*Mock

// stock is what is left of the mocks of a play.
type stock struct {
	mocks map[string]Mocks
	used  map[*Mock]bool
}

// take finds the mock for a call.
func (s *stock) take(state string, parameters asl.Value) (*Mock, error) {
	all, known := s.mocks[state]
	if !known {
		return nil, fmt.Errorf("state %q makes a call, and has no mock", state)
	}
	for _, m := range all {
		if m.When != nil && Contains(parameters.V, m.When.V) {
			return m, nil
		}
	}
	for _, m := range all {
		if m.When == nil && (len(all) == 1 || !s.used[m]) {
			s.used[m] = true
			return m, nil
		}
	}
	return nil, fmt.Errorf("state %q makes a call for which it has no mock left: %s", state, parameters)
}

// Contains reports whether have has all of part: of an object all its members,
// of anything else the same value.
func Contains(have, part any) bool {
	want, ok := part.(*asl.Object)
	if !ok {
		return jsonata.Equal(have, part)
	}
	o, ok := have.(*asl.Object)
	if !ok {
		return false
	}
	for i := range want.Len() {
		key, value := want.At(i)
		if member, there := o.Get(key); !there || !Contains(member, value) {
			return false
		}
	}
	return true
}
