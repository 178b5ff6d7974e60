// Package auth tells who is calling and whether they may.
//
// It owns principals, the root credentials of a data directory, access keys, the
// sessions of roles, the throw-away credentials of one box, the check of AWS
// Signature Version 4 (header and presigned query) and of bearer tokens, and the
// step from a principal to a permission: one table of actions (table.go), and
// the policies of roles. What is authoritative: credentials.json for the root
// credentials; the database for access keys and roles; the sealed token itself
// for a session; memory alone for the credentials of boxes, which end with their
// instance.
//
// Invariants:
//
//  1. Whoever is not proved to be someone is refused. There is no way to turn
//     the check off; a request that needs no credentials is named by its owner
//     (Options.Open).
//  2. Secrets, signatures and tokens are compared in constant time or looked up
//     by their hash, and never logged nor put into an error.
//  3. A signature covers the host, the date, every x-amz-* and x-ebb-* header
//     that is present, the whole query and the body. UNSIGNED-PAYLOAD is taken
//     only in presigned requests and for s3; signed streams are not taken at all.
//  4. Signatures are recomputed over exactly the headers that the request says
//     are signed. What is accepted is what the signer of aws-sdk-go-v2 makes:
//     tests hold the two side by side.
//  5. Nothing that a caller chooses makes memory grow: derived keys are cached
//     for one region and the services that are allowed, and only rows that exist
//     are remembered.
//  6. The credentials of a box are known only to that Box, so that they are
//     worth nothing on any other listener.
//  7. What is not in the table, root alone may do. Nothing of another service is
//     reached without the permission of that thing's own policy.
//  8. A change of a key or role is in force here when it was acknowledged, and on
//     other nodes of the database within a second. While the database is away,
//     what was read less than a second ago still counts; after that only root
//     can be proved.
//
// A crash loses the credentials of boxes together with the boxes, and when keys
// were used in the last minute. The root file is written whole or not at all.
//
// Walk A enters through Middleware (management API) or Authenticate (gateway)
// and leaves with a Principal in the context, which Admit and Authorize are asked
// about. The policies of resources plug in as Config.Permitted.
package auth
