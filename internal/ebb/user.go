package ebb

// MaxUserID is the largest number of a user or group that a container image may
// use: a box has this many of its own, and one more.
const MaxUserID = 65535

// User is who a container image's process is, in the image's own numbers.
type User struct {
	UID, GID int
	Groups   []int  `json:",omitempty"` // supplementary ones
	Home     string `json:",omitempty"`
}
