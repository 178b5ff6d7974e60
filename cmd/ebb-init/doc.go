//go:build linux

// Command ebb-init is PID 1 of a box. It owns what a box looks like from the
// inside and the start of the one runtime process in it.
//
// ebb starts it in new mount, PID, IPC, UTS and network namespaces, with one end
// of a control socket as file descriptor 3, and joins it to the box's cgroups.
// The walk: Setup comes in → the root is built, entered and made read-only, lo
// is up, the two listeners are open → Ready goes out with the listeners → Start
// comes in → the process is spawned without privileges, ebb-init gives up its
// own → orphans are reaped, signals forwarded → Exit goes out when the runtime
// has ended.
//
// Between Ready and Start more may come: mounts, the sockets of the box's way out,
// processes beside the runtime. Instead of Start a process may be adopted that was
// forked from a zygote elsewhere: ebb-init hands out what it takes to come in, and
// from then on it is as if it had been spawned here. Started outside of every box
// ebb-init opens one folder of the host and ends, or becomes a zygote.
//
// Authority: ebb decides everything; ebb-init holds no policy and no state.
//
// Invariants:
//
//  1. When the control socket ends, ebb-init ends, and with PID 1 the kernel
//     kills all of the box. So a killed ebb leaves nothing behind.
//  2. No path that the box's owner or its user controls is followed outside the
//     new root while it is built.
//  3. User code has the box's uid (an image's user one of the box's range, in a user
//     namespace that it is begun in by a second ebb-init), no capability (an image's
//     root those over the range), no way to get one
//     (no_new_privs, empty bounding set), no system call that no table allows,
//     no place to write that ebb did not name (Landlock), and no descriptor
//     beyond the four it is given. All this is on the thread that forks it. A
//     forked process puts itself under the same, by ebb's code in its zygote, and
//     is not adopted before.
//  4. It is static, small (at most 1.5 MiB) and imports x/sys only: its start is
//     part of every cold start.
package main
