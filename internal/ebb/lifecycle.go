package ebb

import (
	"strconv"
	"time"
)

// Variables of a version's environment that say how its instances live; which
// handlers hooks run, HookHandler says.
const (
	// EnvAlwaysOnCPU is true for a version whose idle instances may go on working:
	// they are never frozen.
	EnvAlwaysOnCPU = "EBB_ALWAYS_ON_CPU"
	// EnvInitializerTimeout and the others are how long a hook may take, in seconds.
	EnvInitializerTimeout = "EBB_INITIALIZER_TIMEOUT"
	EnvPreFreezeTimeout   = "EBB_PRE_FREEZE_TIMEOUT"
	EnvPreStopTimeout     = "EBB_PRE_STOP_TIMEOUT"
)

// HookLimit is how long hook h may take, in seconds, and by which variable that
// is set.
type HookLimit struct {
	Env          string
	Default, Max int
}

// Limit is the time limit of h.
func (h Hook) Limit() HookLimit {
	switch h {
	case HookPreFreeze:
		return HookLimit{EnvPreFreezeTimeout, 3, 90}
	case HookPreStop:
		return HookLimit{EnvPreStopTimeout, 3, 90}
	}
	return HookLimit{EnvInitializerTimeout, 10, 300}
}

// HookTimeout is how long hook h of the version may take.
func (v *Version) HookTimeout(h Hook) time.Duration {
	l := h.Limit()
	if n, err := strconv.Atoi(v.Setting(l.Env)); err == nil && n >= 1 && n <= l.Max {
		return time.Duration(n) * time.Second
	}
	return time.Duration(l.Default) * time.Second
}

// AlwaysOnCPU reports whether idle instances of the version may go on working.
func (v *Version) AlwaysOnCPU() bool {
	on, err := strconv.ParseBool(v.Setting(EnvAlwaysOnCPU))
	return err == nil && on
}
