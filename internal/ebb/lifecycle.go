package ebb

import "strconv"

// Variables of a version's environment that say how its instances live; hooks have
// their own.
const (
	// EnvAlwaysOnCPU is true for a version whose idle instances may go on working:
	// they are never frozen.
	EnvAlwaysOnCPU = "EBB_ALWAYS_ON_CPU"
)

// AlwaysOnCPU reports whether idle instances of the version may go on working.
func (v *Version) AlwaysOnCPU() bool {
	on, err := strconv.ParseBool(v.Setting(EnvAlwaysOnCPU))
	return err == nil && on
}
