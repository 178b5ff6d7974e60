//go:build linux

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOlderFormsOnly: what amd64 has in tables of its own are calls that arm64 does
// not know; all that both know stands in the tables that they share. So both allow
// and refuse the same calls by name, though only one of them can be run here.
func TestOlderFormsOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "golang.org/x/sys/unix").Output()
	if err != nil {
		t.Fatal(err)
	}
	arm64, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "zsysnum_linux_arm64.go"))
	if err != nil {
		t.Fatal(err)
	}
	there := make(map[string]bool)
	for word := range strings.FieldsSeq(string(arm64)) {
		there[word] = true
	}
	own := callsOf(t, "syscalls_amd64.go")
	if len(own) < 30 || !there["SYS_OPENAT"] {
		t.Fatalf("%d calls of amd64's own; arm64 has openat: %t", len(own), there["SYS_OPENAT"])
	}
	for _, name := range own {
		if there[name] {
			t.Errorf("%s is in amd64's tables only, but arm64 has it too", name)
		}
	}
	if names := callsOf(t, "syscalls_arm64.go"); len(names) != 0 {
		t.Errorf("arm64 has tables of its own: %v", names)
	}
}

// callsOf are the names of system calls in a file.
func callsOf(t *testing.T, file string) (names []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && strings.HasPrefix(s.Sel.Name, "SYS_") {
			names = append(names, s.Sel.Name)
		}
		return true
	})
	return names
}
