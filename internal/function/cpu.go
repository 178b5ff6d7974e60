package function

import "github.com/ebb-faas/ebb/internal/ebb"

// checkCPU checks the hard limit of CPU time, if there is to be one.
func checkCPU(v *ebb.Version) error {
	s := v.Setting(ebb.EnvCPUQuota)
	if s == "" {
		return nil
	}
	if _, err := ebb.ParseCPUQuota(s, v.MemoryMB); err != nil {
		return invalid("Environment.Variables.%s: %w", ebb.EnvCPUQuota, err)
	}
	return nil
}
