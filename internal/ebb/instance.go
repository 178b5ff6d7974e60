package ebb

// States of an instance, in the order of its life.
const (
	InstanceStarting = "starting" // box or runtime coming up
	InstanceIdle     = "idle"
	InstanceFrozen   = "frozen" // idle, and its processes stand still
	InstanceBusy     = "busy"
	InstanceStopping = "stopping" // leaves when its work is done
)
