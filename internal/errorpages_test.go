package internal_test

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// errorTypes reads the names of all error types from the dictionary: Type… in
// error.go and Error… in invocation.go.
func errorTypes(t *testing.T) map[string]bool {
	t.Helper()
	prefixes := map[string]string{"internal/ebb/error.go": "Type", "internal/ebb/invocation.go": "Error", "internal/workflow/error.go": "Type"}
	names := map[string]bool{}
	for _, s := range sources(t) {
		prefix, ok := prefixes[s.path]
		if !ok {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, name := range spec.Names {
				if !strings.HasPrefix(name.Name, prefix) || i >= len(spec.Values) {
					continue
				}
				lit, ok := spec.Values[i].(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					continue
				}
				value, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				names[value] = true
			}
			return true
		})
	}
	if len(names) < 30 {
		t.Fatalf("found only %d error types in the dictionary", len(names))
	}
	return names
}

// TestEveryErrorHasAPage: whoever meets an error can read what it means, when it
// comes and what to do.
func TestEveryErrorHasAPage(t *testing.T) {
	names := errorTypes(t)
	index, err := os.ReadFile("../docs/errors/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range names {
		page, err := os.ReadFile(filepath.Join("../docs/errors", name+".md"))
		if err != nil {
			t.Errorf("error type %s has no page docs/errors/%s.md", name, name)
			continue
		}
		for _, want := range []string{"# " + name + "\n", "\n## When", "\n## What to do"} {
			if !strings.Contains(string(page), want) {
				t.Errorf("docs/errors/%s.md lacks %q", name, strings.TrimSpace(want))
			}
		}
		if !strings.Contains(string(index), "("+name+".md)") {
			t.Errorf("docs/errors/README.md does not list %s", name)
		}
	}
	pages, err := filepath.Glob("../docs/errors/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		if name := strings.TrimSuffix(filepath.Base(p), ".md"); name != "README" && !names[name] {
			t.Errorf("docs/errors/%s.md is about an error that does not exist", name)
		}
	}
}
