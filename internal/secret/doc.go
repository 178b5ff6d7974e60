// Package secret keeps values that functions need and nobody should read: it
// seals them, hands them to instances at their start, and replaces them.
//
// It owns secrets and their versions, the master key, and the seal (envelope
// encryption: AES-256-GCM, a data key for every value, wrapped by the master
// key). The database is authoritative for the sealed values and for which master
// key they belong to; the master key itself is in a file or in the process's
// environment, never in the database nor in a backup.
//
// Invariants:
//
//  1. A value leaves this package by Value and Resolve only. It is in no error,
//     no log line and no struct that an API encodes.
//  2. A seal is bound to its place (service, name, version; or access key): one
//     that was copied elsewhere does not open.
//  3. Nothing is sealed with a master key that the database does not know as its
//     own, so that two nodes with different keys cannot split a database in two.
//  4. Open refuses with ebb.TypeMasterKeyInvalid, and changes nothing, when the
//     master key is missing, unreadable or another than the database's.
//  5. A new master key is on the disk before anything is sealed with it, and an
//     old one stays there until nothing is.
//  6. OnChange is called after a commit and before the caller hears of it, also
//     when the outcome is unknown.
//
// A crash while the master key is replaced leaves both keys in the file and
// values under either; the next Open finishes the work. A crash in Put leaves
// the secret as it was or with its new version.
//
// Walk A enters at Resolve when an instance starts; walk D enters at Check when
// a function's environment is written. Package auth seals its keys here too, by
// the funcs Seal and Open that server hands it.
package secret
