package ebb

import (
	"fmt"
	"strconv"
)

// EnvCPUQuota is the variable of a version's environment that makes its share of
// the CPU a hard limit: a number of cores, or "lambda".
const EnvCPUQuota = "EBB_CPU_QUOTA"

// MemoryPerCPU is how many MB of memory come with one core.
const MemoryPerCPU = 1769

// Bounds of a quota, in thousandths of a core.
const (
	MinCPUQuota = 10
	MaxCPUQuota = 256_000
)

// ParseCPUQuota reads a quota in thousandths of a core; memoryMB decides what
// "lambda" means.
func ParseCPUQuota(text string, memoryMB int) (int, error) {
	if text == "lambda" {
		return max(MinCPUQuota, 1000*memoryMB/MemoryPerCPU), nil
	}
	cores, err := strconv.ParseFloat(text, 64)
	if err != nil || !(cores >= MinCPUQuota/1000.0 && cores <= MaxCPUQuota/1000) {
		return 0, fmt.Errorf("%.40q is neither a number of cores from 0.01 to %d nor the word lambda", text, MaxCPUQuota/1000)
	}
	return int(cores*1000 + 0.5), nil
}

// CPUQuota is how much CPU time an instance may use in a second, in thousandths
// of a core; 0 = no more limit than the others' need.
func (v *Version) CPUQuota() int {
	s := v.Setting(EnvCPUQuota)
	if s == "" {
		return 0
	}
	quota, err := ParseCPUQuota(s, v.MemoryMB)
	if err != nil {
		return 0
	}
	return quota
}
