// Package oci finds container images where they are kept: in a registry, in a
// folder with the OCI image layout, or in an archive of "docker save".
//
// It owns the words for a source (Source.Resolve), and how a registry is spoken
// to. It keeps nothing: what it finds, package artifact stores, after which the
// source is not needed any more.
//
// Invariants:
//
//  1. An image is for this host's platform, or it is refused by name.
//  2. What a digest stands for is checked against the bytes, wherever they came
//     from; the content of layers is checked by package artifact.
//  3. Nothing is sent without TLS, except to this machine itself and to
//     registries that the configuration says to be so.
//  4. Credentials go to the registry they were configured for and, as the
//     registry asks, to the token service it names; nothing is taken from the
//     environment of whoever runs ebb.
//
// Walk D (a deploy of an image) enters at Resolve, through a func that server
// gives to function, and leaves with what artifact.Store.PutImage takes.
package oci
