package internal_test

import (
	"fmt"
	"go/ast"
	"path"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// TestEveryConfigKeyIsDocumented: docs/configuration.md, in both languages, has each
// key that a configuration file may hold, and no other.
func TestEveryConfigKeyIsDocumented(t *testing.T) {
	keys := configKeys(t)
	for _, page := range []string{"docs/configuration.md", "docs/configuration.zh-CN.md"} {
		documented := map[string]bool{}
		for line := range strings.Lines(read(t, "../"+page)) {
			if key, ok := strings.CutPrefix(line, "| `"); ok {
				key, _, _ = strings.Cut(key, "`")
				documented[key] = true
			}
		}
		for key := range keys {
			if !documented[key] {
				t.Errorf("%s says nothing of %s", page, key)
			}
		}
		for key := range documented {
			if !keys[key] && key != strings.ToUpper(key) { // those are variables of the environment
				t.Errorf("%s tells of %s, which does not exist", page, key)
			}
		}
	}
}

// configKeys is every key that a configuration file may hold.
func configKeys(t *testing.T) map[string]bool {
	t.Helper()
	configs := configStructs(t)
	server, ok := configs["server"]
	if !ok {
		t.Fatal("there is no type Config in internal/server")
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
	return keys
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
