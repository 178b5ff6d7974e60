// Package auth tells who is calling and whether they may.
//
// It owns principals, the root credentials of a data directory, the throw-away
// credentials of one box, the check of AWS Signature Version 4 (header and
// presigned query) and of bearer tokens, and the step from a principal to a
// permission. What is authoritative: credentials.json for the root credentials;
// memory alone for the credentials of boxes, which end with their instance.
//
// Invariants:
//
//  1. Whoever is not proved to be someone is refused. There is no way to turn
//     the check off; a request that needs no credentials is named by its owner
//     (Options.Open).
//  2. Secrets, signatures and tokens are compared in constant time, and never
//     logged nor put into an error.
//  3. A signature covers the host, the date, every x-amz-* header that is
//     present, the whole query and the body. UNSIGNED-PAYLOAD is taken only in
//     presigned requests and for s3; signed streams are not taken at all.
//  4. Signatures are recomputed with the signer of aws-sdk-go-v2 over exactly
//     the headers that the request says are signed; no canonicalisation is
//     written by hand here.
//  5. Nothing that a caller chooses makes memory grow: derived keys are cached
//     for one region and the services that are allowed.
//  6. The credentials of a box are known only to that Box, so that they are
//     worth nothing on any other listener.
//
// A crash loses the credentials of boxes together with the boxes. The root file
// is written whole or not at all.
//
// Walk A enters through Middleware (management API) or Authenticate (gateway)
// and leaves with a Principal in the context, which Authorize is asked about.
package auth
