// Package function keeps functions: it creates, changes, publishes, resolves and
// deletes functions, their versions, aliases, layers, URLs and resource policies,
// the services and roles that they belong to, and whose signature their code must carry, and owns what their settings mean: which values are allowed, which defaults apply, what a change implies.
//
// The database is authoritative; Functions remembers nothing. Packages are kept
// by artifact, under the digest that a version names; which runtimes there are,
// is the runtimes catalog's to say. Shapes of requests (patterns, required
// fields) are checked at the door that decodes them, meaning is checked here,
// whoever calls.
//
// Invariants:
//
//  1. A version's package is stored and unpacked before the version is
//     committed, so a version that exists is Active and can run.
//  2. Published versions never change; their numbers only grow and are never
//     used again, not even after the function was deleted and made anew.
//  3. Every change of a version gives it a new RevisionID and LastModified, and
//     what was changed is the revision that was checked (compare-and-set).
//  4. OnChange is called after every commit and before the caller hears of it,
//     also when the outcome is unknown: a copy dropped after the call is right.
//  5. A function goes with its versions, aliases, URLs and policies in one
//     transaction; an alias goes with its URL and policy.
//  6. An error names the field and changed nothing.
//  7. A version that an alias leads to stays.
//  8. A version keeps its layers: their content is in use as long as it exists,
//     whatever becomes of the layer.
//  9. A resource policy only ever adds to what somebody may do.
//  10. Code that the function's code signing configuration refuses is neither
//     stored nor unpacked; what was taken before stays.
//
// A crash between storing a package and committing leaves a package that nobody
// uses; collection removes it (Digests, artifact.Store.Collect). There is no
// other trace of a change that was not acknowledged or is not there whole.
//
// Walk D (a deploy) enters from lambdaapi at Create, UpdateCode, UpdateConfig or
// Publish and leaves through OnChange, by which invoke and gateway drop what they
// keep. Walk A (an invocation) enters at Route, and at URL from the gateway,
// when those copies are missing.
package function
