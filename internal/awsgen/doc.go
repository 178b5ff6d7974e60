// Command awsgen writes the Go of an AWS wire API from its public service model
// (botocore's service-2.json): shapes as structs, constraints, operations and
// errors as tables that internal/awswire walks.
//
// It owns the translation and nothing that runs in the server. The model file is
// authoritative; what ebb deliberately does otherwise is said by flags in
// the package's go:generate line, so that it can be read there:
//
//	-model FILE        service-2.json or service-2.json.gz; without it the one
//	                   that `python3 -c "import botocore"` finds
//	-service S/DATE    for example lambda/2015-03-31
//	-package NAME      the Go package, also written to the current folder
//	-operations A,B    whose shapes are generated; the table has all operations
//	-set Shape.max=N   another limit than the model's (max or min)
//	-free Shape        do not enforce this enumeration or pattern
//	-answers S/D,S/D   instead of all that: what the operations of these services
//	                   answer, as data in answers.json.gz
//
// Invariants:
//
//  1. The same model and flags give the same bytes.
//  2. A pattern that RE2 cannot read stops the generator, it is never dropped.
//
// A crash leaves the old files: both are written only when all is rendered. The
// walk enters by `go generate` and leaves two files, shapes_gen.go and
// model_gen.go.
package main
