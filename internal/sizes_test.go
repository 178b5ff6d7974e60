package internal_test

import (
	"go/ast"
	"go/token"
	"testing"
)

// Sizes that a reader can hold in mind at once. Tests are not bound by them, nor
// is what a generator writes.
const (
	maxFileLines     = 400
	maxFunctionLines = 60
)

// large is what may be larger, and why. It only ever gets shorter.
var large = map[string]string{
	"internal/sandbox/linux/driver.go open": "one look after the other at what the host has",
}

// TestSizes: what has grown too large is two things by now, which want a name
// each.
func TestSizes(t *testing.T) {
	still := map[string]bool{}
	excepted := func(what string) bool {
		still[what] = true
		return large[what] != ""
	}
	for _, s := range sources(t) {
		if s.test || s.generated || s.under("test", "internal/sandbox/linux/escapee") || forTests(s.dir()) {
			continue
		}
		line := func(p token.Pos) int { return s.fset.Position(p).Line }
		if n := s.fset.File(s.file.FileStart).LineCount(); n > maxFileLines && !excepted(s.path) {
			t.Errorf("%s has %d lines, more than %d: give a part of it a file of its own", s.path, n, maxFileLines)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil || isTable(f.Body) {
				continue
			}
			if n := line(f.End()) - line(f.Type.Pos()) + 1; n > maxFunctionLines && !excepted(s.path+" "+f.Name.Name) {
				t.Errorf("%s: %s has %d lines, more than %d: give a part of it a name", s.at(f), f.Name.Name, n, maxFunctionLines)
			}
		}
	}
	for what := range large {
		if !still[what] {
			t.Errorf("%s is small enough by now, or gone: take it out of the list", what)
		}
	}
}

// isTable reports whether all that a function does is return a literal: a table of
// many rows reads as well as one of few.
func isTable(body *ast.BlockStmt) bool {
	if len(body.List) != 1 {
		return false
	}
	r, ok := body.List[0].(*ast.ReturnStmt)
	if !ok || len(r.Results) != 1 {
		return false
	}
	_, ok = r.Results[0].(*ast.CompositeLit)
	return ok
}
