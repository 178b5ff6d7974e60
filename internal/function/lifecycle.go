package function

import (
	"strconv"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/runtimes"
)

// checkLifecycle checks the settings that say how instances of v live.
func (f *Functions) checkLifecycle(v *ebb.Version) error {
	if s := v.Setting(ebb.EnvAlwaysOnCPU); s != "" {
		if _, err := strconv.ParseBool(s); err != nil {
			return invalid("Environment.Variables.%s: %.140q is neither true nor false", ebb.EnvAlwaysOnCPU, s)
		}
	}
	for _, h := range ebb.Hooks() {
		if v.HookHandler(h) != "" && !f.hasHooks(v) {
			return invalid("Environment.Variables.%s: only functions of a managed runtime that are no web functions have hooks", h.Env())
		}
		l := h.Limit()
		if s := v.Setting(l.Env); s != "" {
			if n, err := strconv.Atoi(s); err != nil || n < 1 || n > l.Max {
				return invalid("Environment.Variables.%s: %.140q is not a number of seconds from 1 to %d", l.Env, s, l.Max)
			}
		}
	}
	return nil
}

// hasHooks reports whether v's runtime can be told to run hooks. One that has
// left the host is given the benefit of the doubt.
func (f *Functions) hasHooks(v *ebb.Version) bool {
	if v.IsImage() || v.WebPort() > 0 {
		return false
	}
	rt, ok := f.runtimes.Lookup(v.Runtime)
	return !ok || rt.Protocol == runtimes.Framed
}
