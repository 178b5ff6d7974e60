// Package linux makes boxes out of namespaces, cgroups and mounts. It needs
// root (CAP_SYS_ADMIN) and Linux 5.12 or newer.
//
// Root of a user namespace will do: then each box has one of its own below, in which
// its ids and processes are counted, and Level says what is weaker. Where no cgroup
// counts memory, a watch measures it and kills, and what it could not measure does
// not exist in the box.
//
// It owns the directory run/ of the data directory, one parent cgroup per
// hierarchy, the uids of its range and the loop images behind /tmp. It is the
// authority on which uid and which image belongs to which box.
//
// A zygote is a process outside of all boxes of which Box.Fork has a copy come into
// one. It runs ebb's own code only, and has the capabilities to enter namespaces.
//
// The walk enters at Driver.Create: a blank is taken that was made ahead, or made:
// ebb-init is forked into new namespaces and, while it starts, joined to a cgroup.
// It gets Setup, builds the root and hands back the listeners. Box.SetEgress has
// it open the sockets of the way out, and gives the network a program that leads
// connections to them. Box.Spawn and Box.Start send processes and leave by Output,
// Conn and the listeners; Box.Destroy kills all and cleans up behind the caller's
// back.
//
// Invariants:
//
//  1. PID 1 of a box is in its cgroups before it is told what to do, and all
//     else in the box descends from it. So nothing runs outside the limits.
//  2. A uid belongs to at most one live box, and so does a range of them; a /tmp
//     image belongs to one box ever.
//  3. A box is gone when its PID 1 is: the kernel reaps a PID namespace before
//     its init. Destroy waits for that and for nothing slower.
//  4. Neither a box nor a pooled /tmp image shows in the host's mount table.
//     They are held by descriptors and by the boxes' own namespaces.
//  5. ebb holds at most so many connections of a box: what a box does costs ebb a
//     bounded amount of its own memory and descriptors.
//  6. What can be frozen of a box is all but PID 1, so that a death in it is
//     noticed; a box that goes is thawed where the kernel could not kill it else.
//  7. A blank becomes one box and no other, and has its limits before it is told
//     anything of it.
//  8. Out of a box lead only the sockets of its relay, and the kernel leads there
//     only what the rules in force allow. The host's network is left as it is.
//  9. ebb itself never walks into a folder of somebody else's: a process does that
//     can be given up.
//  10. A forked process is in its box's groups before it exists, as confined as a
//     spawned one before ebb-init adopts it, and goes on only then.
//  11. A process that is an image's user is in a user namespace of its own, which owns
//     none of the box's other namespaces: what it may do there, it may to users and
//     files of its range. An image's tree is seen through a read-only mount that maps
//     its owners into the range, and what is written goes to the box's own disk.
//  12. What the host lacks is said in Level.Missing; no limit is dropped silently.
//  13. What a box has the kernel keep that no cgroup counts is bounded too: it is
//     killed for what waits in its netlink and UDP sockets (guard).
//
// A crash of ebb closes the control sockets, which ends every PID 1; mounts,
// loop devices (autoclear, backing file already unlinked) and namespaces go with
// their last user, and so do the programs of networks. Only empty cgroups and
// files under run/ stay; Sweep removes them, also below another parent group.
package linux
