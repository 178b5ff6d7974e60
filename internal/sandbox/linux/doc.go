// Package linux makes boxes out of namespaces, cgroups and mounts. It needs
// root (CAP_SYS_ADMIN) and Linux 5.12 or newer.
//
// It owns the directory run/ of the data directory, one parent cgroup per
// hierarchy, the uids of its range and the loop images behind /tmp. It is the
// authority on which uid and which image belongs to which box.
//
// The walk enters at Driver.Create: ebb-init is forked into new namespaces; while
// it starts, the box's cgroup is made; ebb-init joins it, gets Setup, builds the
// root and hands back the listeners. Box.Start sends the process and leaves by
// Output, Conn and the listeners; Box.Destroy kills all and cleans up behind the
// caller's back.
//
// Invariants:
//
//  1. PID 1 of a box is in its cgroups before it is told what to do, and all
//     else in the box descends from it. So nothing runs outside the limits.
//  2. A uid belongs to at most one live box, and a /tmp image to one box ever.
//  3. A box is gone when its PID 1 is: the kernel reaps a PID namespace before
//     its init. Destroy waits for that and for nothing slower.
//  4. Neither a box nor a pooled /tmp image shows in the host's mount table.
//     They are held by descriptors and by the boxes' own namespaces.
//  5. ebb holds at most so many connections of a box: what a box does costs ebb a
//     bounded amount of its own memory and descriptors.
//  6. What can be frozen of a box is all but PID 1, so that a death in it is
//     noticed; a box that goes is thawed where the kernel could not kill it else.
//  7. What the host lacks is said in Level.Missing; no limit is dropped silently.
//
// A crash of ebb closes the control sockets, which ends every PID 1; mounts,
// loop devices (autoclear, backing file already unlinked) and namespaces go with
// their last user. Only empty cgroups and files under run/ stay; Sweep removes
// them.
package linux
