package function

import (
	"strconv"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// checkLifecycle checks the settings that say how instances of v live.
func checkLifecycle(v *ebb.Version) error {
	if s := v.Setting(ebb.EnvAlwaysOnCPU); s != "" {
		if _, err := strconv.ParseBool(s); err != nil {
			return invalid("Environment.Variables.%s: %.140q is neither true nor false", ebb.EnvAlwaysOnCPU, s)
		}
	}
	return nil
}
