// Package rootless makes this program root where it is not: it has it run once
// more, as root of a user namespace and in a mount namespace of its own, where
// sandbox/linux can make boxes.
//
// The walk: Run starts the program again with the same arguments; that waits in
// Resume, the first thing in main, while Run maps its ids. Then it executes itself
// a last time, which gives it the privileges that root of a user namespace has, and
// says by Accept whether it goes on there. Run waits for its end. With newuidmap and
// lines in /etc/subuid and /etc/subgid there is a range of ids in the namespace, else
// only the user's own, as 0.
//
// It owns one variable of the environment, by which the second process knows what
// it is. The user and the kernel are the authority on what may be mapped.
//
// Invariants:
//
//  1. The two end together: the second is killed when the first is gone, and the
//     first ends as the second did.
//  2. An interrupt or a SIGTERM asks the second to stop, once, whether it comes to
//     the first, to the second or to both; a second one ends it.
//  3. Files that are made inside belong to the user.
//  4. What was refused leaves the first as it was, and says why.
//
// A crash of either leaves nothing: namespaces go with their processes.
package rootless
