// Package process runs boxes as plain processes: no namespaces, no cgroups, no
// user of their own. It is for development and for hosts where sandbox/linux
// cannot work, and needs no privileges. Level says so to whoever asks.
//
// It owns the directory run/process of the data directory, with one directory
// per box that holds its /tmp. Mounts become path translation (Box.Path); the
// listeners are on the host's loopback, at ports the host picks.
//
// The walk enters at Driver.Create (directory, listeners) and Box.Start (one
// process in a session of its own) and leaves by Output, Conn and the listeners.
//
// Invariants:
//
//  1. Every process of a box carries the environment variable EBB_BOX, by which
//     Destroy and Sweep find those that left its process group (Linux only:
//     elsewhere the group is all there is, and Level says so).
//  2. All processes are started by one thread that lives as long as the driver,
//     because the kernel takes the end of the starting thread for the parent's
//     death.
//
// A crash of ebb ends the runtime processes (parent death signal, Linux); what
// they had started and the directories go with the next Sweep.
package process
