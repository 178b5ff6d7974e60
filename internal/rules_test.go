package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is one parsed Go file of the module.
type source struct {
	path      string // within the module, with slashes
	file      *ast.File
	fset      *token.FileSet
	test      bool
	generated bool
}

// dir is the folder of the file within the module.
func (s source) dir() string { return filepath.ToSlash(filepath.Dir(s.path)) }

// at says where a node is, for a message.
func (s source) at(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

// under reports whether the file lies in one of the folders.
func (s source) under(dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return strings.HasPrefix(s.path, d+"/") })
}

// sources parses every Go file of every package.
func sources(t *testing.T) []source {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	var all []source
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") ||
				path == filepath.Join(root, "tools") || path == filepath.Join(root, "build") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		within, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		all = append(all, source{
			path: filepath.ToSlash(within), file: f, fset: fset,
			test: strings.HasSuffix(name, "_test.go"), generated: ast.IsGenerated(f),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// forTests reports whether a package exists for tests only: it is, or lies in, a
// suite named …test.
func forTests(dir string) bool {
	return slices.ContainsFunc(strings.Split(dir, "/"), func(part string) bool { return strings.HasSuffix(part, "test") })
}

// imported returns the name under which the file imports path, or "".
func (s source) imported(path string) string {
	for _, imp := range s.file.Imports {
		if got, _ := strconv.Unquote(imp.Path.Value); got != path {
			continue
		}
		if imp.Name != nil {
			return imp.Name.Name
		}
		return path[strings.LastIndexByte(path, '/')+1:]
	}
	return ""
}

// calls reports whether n is name.fn(...) with name as the file imports it.
func calls(n ast.Node, pkg string, fns ...string) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok || pkg == "" {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !slices.Contains(fns, sel.Sel.Name) {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == pkg
}

var (
	sqlText  = regexp.MustCompile(`(?is)^\s*(SELECT\s.+\sFROM\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|CREATE\s+(UNIQUE\s+)?(TABLE|INDEX)\s|ALTER\s+TABLE\s|DROP\s+TABLE\s|PRAGMA\s|SAVEPOINT\s|VACUUM\b)`)
	sqlClock = regexp.MustCompile(`(?i)'now'|CURRENT_TIMESTAMP|CURRENT_TIME\b|CURRENT_DATE\b|unixepoch\(\s*\)|\bnow\(\s*\)`)
)

// TestSQLOnlyUnderStore: whoever wants to know what the database holds reads one
// folder.
func TestSQLOnlyUnderStore(t *testing.T) {
	drivers := []string{"database/sql", "database/sql/driver", "modernc.org/sqlite", "github.com/jackc/pgx/v5", "github.com/pressly/goose/v3"}
	for _, s := range sources(t) {
		if s.under("internal/store") || s.path == "internal/rules_test.go" {
			continue
		}
		for _, d := range drivers {
			if s.imported(d) != "" {
				t.Errorf("%s imports %s: SQL lives under internal/store only", s.path, d)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && sqlText.MatchString(text) {
					t.Errorf("%s holds SQL: it lives under internal/store only", s.at(n))
				}
			}
			return true
		})
	}
}

// TestSQLHasNoClock: time is a parameter, so that tests and replays own it.
func TestSQLHasNoClock(t *testing.T) {
	for _, s := range sources(t) {
		if !s.under("internal/store") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && sqlClock.MatchString(lit.Value) {
				t.Errorf("%s: SQL reads the clock: pass the time as a parameter", s.at(n))
			}
			return true
		})
	}
	migrations, err := filepath.Glob("store/migrations/*/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range migrations {
		text, err := os.ReadFile(m)
		if err != nil {
			t.Fatal(err)
		}
		if sqlClock.Match(text) {
			t.Errorf("internal/%s reads the clock: pass the time as a parameter", m)
		}
	}
}

// TestNames: words that say nothing name nothing.
func TestNames(t *testing.T) {
	empty := []string{"manager", "util", "utils", "common", "helper", "helpers", "base", "impl", "processor", "data", "info"}
	words := regexp.MustCompile(`[A-Z]+[a-z0-9]*|[a-z0-9]+`)
	says := func(name string) string {
		for _, w := range words.FindAllString(name, -1) {
			if slices.Contains(empty, strings.ToLower(w)) {
				return w
			}
		}
		return ""
	}
	for _, s := range sources(t) {
		for _, part := range strings.Split(s.dir(), "/") {
			if slices.Contains(empty, part) {
				t.Errorf("%s: folder %q says nothing", s.path, part)
			}
		}
		if slices.Contains(empty, s.file.Name.Name) {
			t.Errorf("%s: package %q says nothing", s.path, s.file.Name.Name)
		}
		name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(s.path), ".go"), "_test")
		if w := says(name); w != "" {
			t.Errorf("%s: %q in a file name says nothing", s.path, w)
		}
		if s.test || s.generated {
			continue
		}
		for _, d := range s.file.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok || gen.Tok != token.TYPE {
				continue
			}
			for _, spec := range gen.Specs {
				typ := spec.(*ast.TypeSpec)
				if w := says(typ.Name.Name); w != "" {
					t.Errorf("%s: %q in type %s says nothing", s.at(typ), w, typ.Name.Name)
				}
			}
		}
	}
}

// TestNoInit: nothing happens because a package was imported.
func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: no init functions: build it in a constructor or a map literal", s.at(f))
			}
		}
	}
}

// TestNoSleepInTests: a test that sleeps is slow when it is right and wrong when
// the machine is slow. Inside a synctest bubble sleeping is free and exact, so
// it is allowed there.
func TestNoSleepInTests(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test && !s.under("test") && !forTests(s.dir()) {
			continue
		}
		timeName, bubble := s.imported("time"), s.imported("testing/synctest")
		ast.Inspect(s.file, func(n ast.Node) bool {
			if calls(n, bubble, "Test", "Run") {
				return false
			}
			if calls(n, timeName, "Sleep") {
				t.Errorf("%s: no time.Sleep in tests: wait for the thing itself", s.at(n))
			}
			return true
		})
	}
}

// TestLeaksAreLookedFor: a package that starts goroutines, itself or in its
// tests, ends its tests by counting them.
func TestLeaksAreLookedFor(t *testing.T) {
	starts, tested, looks := map[string]string{}, map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		if !s.under("internal", "sdk", "test", "examples") || s.dir() == "internal" {
			continue
		}
		tested[s.dir()] = tested[s.dir()] || s.test
		if s.imported("go.uber.org/goleak") != "" {
			looks[s.dir()] = true
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				starts[s.dir()] = s.at(g)
			}
			return true
		})
	}
	for dir, where := range starts {
		if tested[dir] && !looks[dir] {
			t.Errorf("%s starts goroutines (%s), but its tests do not look for leaks: goleak in TestMain", dir, where)
		}
	}
}

// TestEnvironmentIsReadAtTheDoors: a setting that some deep package reads by
// itself is a setting nobody can find.
func TestEnvironmentIsReadAtTheDoors(t *testing.T) {
	for _, s := range sources(t) {
		door := s.test || forTests(s.dir()) || s.under("cmd", "sdk", "examples", "test", "runtimes", "internal/awsgen") || s.path == "internal/server/config.go"
		// It hands the environment to this same program, and a word of its own with it.
		door = door || s.under("internal/sandbox/rootless")
		if door {
			continue
		}
		osName := s.imported("os")
		ast.Inspect(s.file, func(n ast.Node) bool {
			if calls(n, osName, "Getenv", "LookupEnv", "Environ") {
				t.Errorf("%s reads the environment: internal/server/config.go does, and hands it down", s.at(n))
			}
			return true
		})
	}
}

// TestNoReplace: sdk/go is imported by others, and a replace directive would
// mean something else there than here.
func TestNoReplace(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mod)) {
		if strings.HasPrefix(strings.TrimSpace(line), "replace") {
			t.Errorf("go.mod: %s", strings.TrimSpace(line))
		}
	}
}
