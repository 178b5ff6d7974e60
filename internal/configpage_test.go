package internal_test

import (
	"fmt"
	"go/ast"
	"os"
	"path"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// TestEveryConfigKeyIsDocumented: docs/configuration.md has each key that a
// configuration file may hold, and no other.
func TestEveryConfigKeyIsDocumented(t *testing.T) {
	configs := configStructs(t)
	server, ok := configs["server"]
	if !ok {
		t.Fatal("there is no type Config in internal/server")
	}
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if key, ok := strings.CutPrefix(line, "| `"); ok {
			key, _, _ = strings.Cut(key, "`")
			documented[key] = true
		}
	}
	keys := map[string]bool{}
	each(t, "server", server, func(key string, field *ast.Field) {
		pkg := packageOf(field.Type)
		section, ok := configs[pkg]
		if !ok || pkg == "server" {
			keys[key] = true
			return
		}
		each(t, pkg, section, func(sub string, _ *ast.Field) { keys[key+"."+sub] = true })
	})
	for key := range keys {
		if !documented[key] {
			t.Errorf("docs/configuration.md says nothing of %s", key)
		}
	}
	for key := range documented {
		if !keys[key] && key != strings.ToUpper(key) { // those are variables of the environment
			t.Errorf("docs/configuration.md tells of %s, which does not exist", key)
		}
	}
}

// configStructs finds type Config of each package under internal, by its name.
func configStructs(t *testing.T) map[string]*ast.StructType {
	t.Helper()
	found := map[string]*ast.StructType{}
	for _, s := range sources(t) {
		pkg, ok := strings.CutPrefix(s.dir(), "internal/")
		if !ok || s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name == "Config" {
				if st, ok := spec.Type.(*ast.StructType); ok {
					found[path.Base(pkg)] = st
				}
			}
			return true
		})
	}
	return found
}

// packageOf returns pkg of a type pkg.Config, or "".
func packageOf(typ ast.Expr) string {
	sel, ok := typ.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Config" {
		return ""
	}
	return fmt.Sprint(sel.X)
}

// each calls yield with the YAML key of every field that a file may set. A field
// without a tag would get a key that nobody chose.
func each(t *testing.T, pkg string, st *ast.StructType, yield func(key string, field *ast.Field)) {
	t.Helper()
	for _, f := range st.Fields.List {
		key := ""
		if f.Tag != nil {
			if text, err := strconv.Unquote(f.Tag.Value); err == nil {
				key, _, _ = strings.Cut(reflect.StructTag(text).Get("yaml"), ",")
			}
		}
		switch key {
		case "-":
		case "":
			t.Errorf(`internal/%s: Config.%s has no yaml tag; a field that is not for users has "-"`, pkg, f.Names[0])
		default:
			yield(key, f)
		}
	}
}
