// Package artifact keeps deployment packages by the SHA-256 of their bytes.
//
// It owns two folders below its directory: packages/<digest>.zip holds what was
// uploaded, byte for byte, and is authoritative; unpacked/<digest> is the same
// package as a read-only tree and can be made again from the zip at any time.
// Who uses which digest is not known here: function says what to keep.
//
// Invariants:
//
//  1. A name without the prefix ".tmp-" is complete: it was written under a
//     temporary name, synced to disk and renamed.
//  2. Nothing of a package is visible before every entry of it was checked and
//     unpacked. A tree holds only directories, regular files and symbolic links
//     that stay inside it; nobody may write to it and everybody may read it.
//  3. Sizes are counted from bytes that were really read or written, never
//     believed from a header.
//  4. The same content is stored and unpacked once, however many callers Put it
//     at the same time. Putting it again restarts its grace period.
//
// A crash leaves at most names with the prefix ".tmp-", which Open removes, or a
// zip without its tree, which Dir unpacks when somebody asks. A full disk is an
// ebb.Unavailable error and leaves nothing behind.
//
// Walk D (a deploy) enters at Put from function; walk A (an invocation) enters
// at Dir from pool when it starts an instance, and leaves with a path that the
// sandbox mounts at /var/task.
package artifact
