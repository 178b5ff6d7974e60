// Package artifact keeps deployment packages by the SHA-256 of their bytes, and
// container images by the digest of their manifest. The layers of functions are
// packages too.
//
// It owns the folders below its directory. Of packages: packages/<digest>.zip
// holds what was uploaded, byte for byte, and is authoritative;
// unpacked/<digest> is the same package as a read-only tree and can be made
// again from the zip at any time; overlays/<key>/tree is several packages laid over
// each other, whose files are other names of the packages' own, and can be made
// again. Of images: images/<digest>.json says what an
// image is, layers/<diff id>/ is one of its layers, unpacked, and both are
// authoritative; roots/<digest> is all layers of an image as one read-only tree,
// whose files are other names of the layers' own, and can be made again.
// payloads/<digest> is the payload of an event, which deliver says to keep. Where
// images come from is not known here (package oci), nor who uses which digest:
// function says what to keep.
//
// Invariants:
//
//  1. A name without the prefix ".tmp-" is complete: it was written under a
//     temporary name, synced to disk and renamed.
//  2. Nothing of a package or an image is visible before every entry of it was
//     checked and unpacked. A tree holds only directories, regular files and
//     symbolic links. A package's nobody may write to and everybody may read;
//     an image's has the owners and modes of the image, without bits that lend an
//     identity, and lies where nobody but ebb can come; where ebb may not give
//     files away they are as a package's. The links of a package stay inside it;
//     those of an image mean a place inside the box whose root it is, and are
//     never followed on the host.
//  3. Sizes are counted from bytes that were really read or written, never
//     believed from a header; a layer is hashed, never believed to be what its
//     image says.
//  4. The same content is stored and unpacked once, however many callers Put it
//     at the same time. Putting it again restarts its grace period.
//  5. A stored image needs neither its registry nor its archive any more.
//
// A crash leaves at most names with the prefix ".tmp-", which Open removes, a
// zip or layers without their tree, which Dir and Image make when somebody asks,
// or layers without their image, which Collect removes. A full disk is an
// ebb.Unavailable error and leaves nothing behind.
//
// Walk D (a deploy) enters at Put or PutImage from function; walk A (an
// invocation) enters at Dir, Overlay or Image from pool when it starts an instance,
// and leaves with a path that the sandbox mounts at /var/task or /opt, or makes the
// box's root.
package artifact
