package ebb

import "time"

// Runtime is a runtime that an operator added: a family of the catalog run with
// the programs of a container image instead of the host's.
type Runtime struct {
	ID         string   // what functions name, for example python3.13
	Family     string   // for example python
	Version    string   // of the interpreter, "" without one
	Build      string   // tells apart interpreters of one version; may be ""
	Executable string   // the interpreter in the image, "" without one
	ImageURI   string   // as it was asked for
	Resolved   string   // exactly what that was: a reference with the digest
	Digest     Digest   // of the image's manifest
	Env        []string // KEY=VALUE of the image
	AddedAt    time.Time
}

// MaxRuntimeID is how long a Runtime's ID may be, in bytes.
const MaxRuntimeID = 64
