package runtimes

import "embed"

// files is what the catalog starts: the bootstraps as they lie in the boxes.
//
//go:embed catalog.json nodejs/*.js python/bootstrap.py python/probe.py python/ebb_runtime/*.py
var files embed.FS
