// Package internal_test holds the tests of the architecture itself: which
// package may know which, and the house rules a compiler does not check.
package internal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/ebb-faas/ebb"

// floors is the house, from the ground up. A package may import packages of
// lower floors only; packages of one floor do not know each other. A package
// that is not here has no room: give it one on purpose.
var floors = map[string]int{
	"internal/server": 11,

	"internal/api":       10,
	"internal/lambdaapi": 10,
	"internal/statesapi": 10,
	"internal/eventsapi": 10,
	"internal/stsapi":    10,

	"internal/gateway":  9,
	"internal/trigger":  9,
	"internal/workflow": 9,
	"internal/s3":       9,

	"internal/deliver": 8,

	"internal/invoke": 7,

	"internal/function": 6,
	"internal/queue":    6,
	"internal/pool":     6,

	"internal/auth":       5,
	"internal/secret":     5,
	"internal/logs":       5,
	"internal/runtimeapi": 5,
	"internal/cluster":    5,

	"internal/store":    4,
	"internal/artifact": 4,
	"internal/objects":  4,
	"internal/sandbox":  4,
	"internal/metrics":  4,

	"internal/asl":    3,
	"internal/egress": 3,

	"internal/schedule":  2,
	"internal/pattern":   2,
	"internal/jsonata":   2,
	"internal/manifest":  2,
	"internal/signature": 2,
	"internal/diagram":   2,
	"internal/awswire":   2,
	"runtimes":           2,

	"internal/ebb":      1,
	"internal/socket":   1,
	"internal/hosttest": 1,
	boxProtocol:         1,
}

// boxProtocol is what ebb-init and the driver that starts it say to each other:
// the one package of ours that ebb-init may import, and as small.
const boxProtocol = "internal/sandbox/linux/initproto"

// cmdMayImport is what the command line stands on besides the dictionary: it
// speaks to a platform through the SDK like everybody else. "ebb doctor" must
// answer without a platform, so it looks at sandbox and runtimes itself; so must
// "ebb workflow validate", "test" and "show --graph", which have the States
// Language itself.
var cmdMayImport = []string{
	"internal/server", "internal/manifest", "internal/signature", "internal/asl", "internal/jsonata", "internal/diagram", "internal/sandbox", "internal/ebb", "runtimes", "sdk/go",
}

// listed is what the tests need of "go list -json".
type listed struct {
	ImportPath   string
	Name         string
	Dir          string
	Imports      []string
	TestImports  []string
	XTestImports []string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
}

// rel is the package's path within the module; "." for its root.
func rel(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

func ours(importPath string) bool {
	return importPath == module || strings.HasPrefix(importPath, module+"/")
}

// packages lists every package of the module.
func packages(t *testing.T) []listed {
	t.Helper()
	all, err := list()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// list asks the go command, once: it takes its time.
var list = sync.OnceValues(func() (all []listed, err error) {
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Name,Dir,Imports,TestImports,XTestImports,GoFiles,TestGoFiles,XTestGoFiles", "./...")
	cmd.Dir = ".."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			return nil, err
		}
		scratch := strings.HasPrefix(rel(p.ImportPath), "build/") // git ignores it
		if !scratch && len(p.GoFiles)+len(p.TestGoFiles)+len(p.XTestGoFiles) > 0 {
			all = append(all, p)
		}
	}
	if len(all) < 2 {
		return nil, fmt.Errorf("go list found only %d packages", len(all))
	}
	return all, nil
})

// room is the entry of floors that the package belongs to: its own or the
// nearest parent's.
func room(within string) (string, int) {
	for p := within; p != ""; {
		if n, ok := floors[p]; ok {
			return p, n
		}
		i := strings.LastIndexByte(p, '/')
		if i < 0 {
			break
		}
		p = p[:i]
	}
	return "", 0
}

// mayImport says why from may not import to, or "". Both are within the module.
func mayImport(from, to string) string {
	top, _, _ := strings.Cut(from, "/")
	switch {
	case from == "cmd/ebb-init" && to == boxProtocol:
		return ""
	case from == "internal/awsgen" || from == "cmd/ebb-init":
		return "it must stand alone"
	case to == "internal/awsgen" || to == "cmd" || strings.HasPrefix(to, "cmd/"):
		return "nothing imports a program"
	case to == "test" || strings.HasPrefix(to, "test/"):
		if top == "test" {
			return ""
		}
		return "test/ is imported by test/ only"
	case top == "test":
		return ""
	case top == "examples":
		if to == "sdk/go" || strings.HasPrefix(to, "examples/") {
			return ""
		}
		return "an example is a user's program: it may import sdk/go only"
	case strings.HasPrefix(to, "examples"):
		return "nothing stands on an example"
	case top == "sdk":
		if strings.HasPrefix(to, "sdk/") {
			return ""
		}
		return "an SDK knows the wire only"
	case top == "cmd":
		for _, allowed := range cmdMayImport {
			if to == allowed || strings.HasPrefix(to, allowed+"/") {
				return ""
			}
		}
		return "cmd may import " + strings.Join(cmdMayImport, ", ")
	case strings.HasPrefix(to, "sdk"):
		return "the platform does not call itself through its SDK"
	}
	return mayImportFloor(from, to)
}

// mayTestWith reports whether to is a suite made for the tests of from: a child
// named …test of from itself (store/storetest) or of a parent whose children
// must all pass it (sandbox/sandboxtest).
func mayTestWith(from, to string) bool {
	parent, name := path.Split(to)
	return strings.HasSuffix(name, "test") && strings.HasPrefix(from+"/", parent)
}

func mayImportFloor(from, to string) string {
	fromRoom, fromFloor := room(from)
	toRoom, toFloor := room(to)
	switch {
	case fromRoom == toRoom:
		if strings.HasPrefix(from, to+"/") {
			return ""
		}
		if strings.HasPrefix(to, from+"/") {
			return "a parent does not import its child"
		}
		return "children of one parent do not know each other"
	case fromFloor == toFloor:
		return fmt.Sprintf("both are on floor %d", fromFloor)
	case fromFloor < toFloor:
		return fmt.Sprintf("that is up: from floor %d to %d", fromFloor, toFloor)
	}
	return ""
}

// TestFloorsAreDocumented: docs/architecture.md has the same floors, all of which
// are there, and names every package that stands within another.
func TestFloorsAreDocumented(t *testing.T) {
	page := read(t, "../docs/architecture.md")
	documented := make(map[string]int)
	for _, m := range regexp.MustCompile("(?m)^\\| (\\d+) \\| `([a-z0-9/-]+)`").FindAllStringSubmatch(page, -1) {
		within := m[2]
		if within != "runtimes" {
			within = "internal/" + within
		}
		documented[within], _ = strconv.Atoi(m[1])
	}
	if d := cmp.Diff(floors, documented); d != "" {
		t.Errorf("floors (-) and those of docs/architecture.md (+) differ:\n%s", d)
	}
	exist := make(map[string]bool)
	for _, p := range packages(t) {
		within, ours := strings.CutPrefix(rel(p.ImportPath), "internal/")
		exist[rel(p.ImportPath)] = true
		if ours && strings.Contains(within, "/") && len(p.GoFiles) > 0 && !strings.Contains(page, "`"+within+"`") {
			t.Errorf("docs/architecture.md does not say what %s is", within)
		}
	}
	for within := range floors {
		if !exist[within] {
			t.Errorf("%s has a floor and is not there", within)
		}
	}
}

func TestEveryPackageHasARoom(t *testing.T) {
	outside := []string{"cmd", "sdk", "examples", "test", "console"}
	for _, p := range packages(t) {
		within := rel(p.ImportPath)
		top, _, _ := strings.Cut(within, "/")
		if slices.Contains(outside, top) || within == "internal" || within == "internal/awsgen" {
			continue
		}
		if name, _ := room(within); name == "" {
			t.Errorf("%s stands on no floor: add it to floors in internal/floors_test.go and to docs/architecture.md", within)
		}
	}
}

func TestImportsRunDownOnly(t *testing.T) {
	for _, p := range packages(t) {
		from := rel(p.ImportPath)
		if from == "internal" {
			continue
		}
		check := func(kind string, imports []string, tests bool) {
			for _, imp := range imports {
				if !ours(imp) || imp == p.ImportPath {
					continue
				}
				to := rel(imp)
				if tests && mayTestWith(from, to) {
					continue
				}
				if why := mayImport(from, to); why != "" {
					t.Errorf("%s imports %s%s: %s", from, to, kind, why)
				}
			}
		}
		check("", p.Imports, false)
		check(" in its tests", p.TestImports, true)
		check(" in its tests", p.XTestImports, true)
	}
}

func TestGroundFloorStandsAlone(t *testing.T) {
	for _, p := range packages(t) {
		within := rel(p.ImportPath)
		for _, imp := range p.Imports {
			first, _, _ := strings.Cut(imp, "/")
			foreign := strings.Contains(first, ".") && imp != module+"/"+boxProtocol
			switch {
			case within == "internal/ebb" && foreign:
				t.Errorf("%s imports %s: the dictionary needs the standard library only", within, imp)
			case (within == "cmd/ebb-init" || within == boxProtocol) && foreign && !strings.HasPrefix(imp, "golang.org/x/sys/"):
				t.Errorf("%s imports %s: PID 1 of a box is kept tiny, golang.org/x/sys only", within, imp)
			}
		}
	}
}

// The rules are code too: this shows that each of them bites.
func TestFloorRulesBite(t *testing.T) {
	cases := []struct {
		from, to string
		ok       bool
	}{
		{"internal/gateway", "internal/invoke", true},
		{"internal/invoke", "internal/pool", true},
		{"internal/sandbox/linux", "internal/sandbox", true},
		{"internal/pool/remote", "internal/sandbox", true},
		{"cmd/ebb", "internal/server", true},
		{"cmd/ebb", "internal/sandbox/linux", true},
		{"examples/demo", "sdk/go", true},
		{"test/e2e", "internal/store", true},

		{"internal/invoke", "internal/gateway", false},
		{"internal/function", "internal/pool", false},
		{"internal/sandbox", "internal/sandbox/linux", false},
		{"internal/sandbox/linux", "internal/sandbox/process", false},
		{"internal/store", "internal/auth", false},
		{"cmd/ebb", "internal/store", false},
		{"cmd/ebb-init", "internal/ebb", false},
		{"cmd/ebb-init", boxProtocol, true},
		{"internal/sandbox/linux", boxProtocol, true},
		{boxProtocol, "internal/ebb", false},
		{"sdk/go", "internal/ebb", false},
		{"examples/demo", "internal/ebb", false},
		{"internal/server", "sdk/go", false},
		{"internal/awsgen", "internal/ebb", false},
		{"internal/ebb", "internal/store", false},
	}
	if !mayTestWith("internal/store", "internal/store/storetest") || !mayTestWith("internal/sandbox/linux", "internal/sandbox/sandboxtest") {
		t.Error("a suite cannot be used by those it is made for")
	}
	if mayTestWith("internal/pool", "internal/sandbox/sandboxtest") || mayTestWith("internal/store", "internal/auth") {
		t.Error("tests may use suites that are not made for them")
	}
	for _, c := range cases {
		if why := mayImport(c.from, c.to); (why == "") != c.ok {
			t.Errorf("mayImport(%s, %s) = %q, want allowed=%t", c.from, c.to, why, c.ok)
		}
	}
}
