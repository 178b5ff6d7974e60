package runtimes

import "embed"

// files is what the catalog starts: the bootstraps as they lie in the boxes. The
// Java one is built; java/dist has at least a README, so that this matches.
//
//go:embed catalog.json nodejs/*.js python/bootstrap.py python/probe.py python/compile.py python/ebb_runtime/*.py java/*.flags java/dist
var files embed.FS
