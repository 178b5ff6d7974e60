package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryPackageHasDoc: a package tells in doc.go what it owns and which
// invariants it keeps, numbered, so that a review can name the one it breaks.
func TestEveryPackageHasDoc(t *testing.T) {
	numbered := regexp.MustCompile(`(?m)^\s+1\. `)
	for _, p := range packages(t) {
		path := rel(p.ImportPath)
		if len(p.GoFiles) == 0 || !needsDoc(path) {
			continue
		}
		file := filepath.Join(p.Dir, "doc.go")
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.PackageClauseOnly)
		if os.IsNotExist(err) {
			t.Errorf("%s has no doc.go", path)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		doc := packageComment(parsed)
		switch {
		case doc == "":
			t.Errorf("%s: doc.go has no package comment", path)
		case !strings.Contains(doc, "Invariants"):
			t.Errorf("%s: doc.go says nothing under 'Invariants'", path)
		case !numbered.MatchString(doc):
			t.Errorf("%s: the invariants in doc.go are not numbered", path)
		}
	}
}

// needsDoc leaves out programs that only people run, and those that only tests
// run: they explain themselves in README files and comments. A suite is held to
// the rule: it is what implementations are measured by.
func needsDoc(path string) bool {
	top, _, _ := strings.Cut(path, "/")
	program := strings.Contains(path, "test/")
	return top != "examples" && top != "test" && path != "internal" && !program
}

func packageComment(f *ast.File) string {
	if f.Doc == nil {
		return ""
	}
	return f.Doc.Text()
}
