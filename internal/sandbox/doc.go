// Package sandbox says what one isolated box is; its children make them.
//
// sandbox/linux isolates with namespaces, cgroups and mounts, also without the
// machine's root, where sandbox/rootless got it a user namespace; sandbox/process
// runs a plain process for hosts without those. The caller (pool) owns a box
// from Create to Destroy and is the authority on what runs in it.
//
// Invariants:
//
//  1. Nothing of the user's runs before the box's limits and identity are in
//     force.
//  2. When Destroy returns, no process of the box is left.
//  3. When ebb dies, however it dies, every box ends with it; Sweep removes what
//     else an earlier ebb left behind.
package sandbox
