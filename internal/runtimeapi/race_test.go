//go:build race

package runtimeapi

// The race detector makes sync.Pool forget on purpose.
const raceEnabled = true
