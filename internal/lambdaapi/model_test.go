package lambdaapi

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/awswire"
	"github.com/ebb-faas/ebb/internal/hosttest"
)

var update = flag.Bool("update", false, "rewrite docs/compatibility.md")

// TestTables: all names resolve, all patterns compile, and the structs are those
// that the tables describe.
func TestTables(t *testing.T) {
	if _, err := awswire.Compile(service()); err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]any{
		"CreateFunctionRequest": CreateFunctionRequest{}, "UpdateFunctionConfigurationRequest": UpdateFunctionConfigurationRequest{},
		"UpdateFunctionCodeRequest": UpdateFunctionCodeRequest{}, "Cors": Cors{}, "LoggingConfig": LoggingConfig{}, "VpcConfig": VpcConfig{},
		"ListFunctionsRequest": ListFunctionsRequest{}, "InvocationRequest": InvocationRequest{}, "UntagResourceRequest": UntagResourceRequest{},
	} {
		typ, fields := reflect.TypeOf(in), shapes()[name].Fields
		if typ.NumField() != len(fields) {
			t.Errorf("%s has %d members, its table %d", name, typ.NumField(), len(fields))
			continue
		}
		for i, f := range fields {
			if typ.Field(i).Name != f.Name {
				t.Errorf("%s: member %d is %s, in the table %s", name, i, typ.Field(i).Name, f.Name)
			}
		}
	}
	for _, op := range operations() {
		for _, e := range op.Errors {
			if errorShapes()[e].Status == 0 {
				t.Errorf("%s: error %s has no status", op.Name, e)
			}
		}
	}
}

// TestHandlersMatchTheGenerateLine: an operation is implemented if and only if
// its shapes are generated.
func TestHandlersMatchTheGenerateLine(t *testing.T) {
	line, err := os.ReadFile("generate.go")
	must(t, err)
	found := regexp.MustCompile(`-operations (\S+)`).FindSubmatch(line)
	if found == nil {
		t.Fatal("no go:generate line")
	}
	generated := map[string]bool{}
	for op := range strings.SplitSeq(string(found[1]), ",") {
		generated[op] = true
		if _, ok := handlers()[op]; !ok && !byHand(op) {
			t.Errorf("%s is generated and has no handler", op)
		}
	}
	for op := range handlers() {
		if !generated[op] {
			t.Errorf("%s has a handler and is not generated", op)
		}
	}
}

// TestGeneratedIsCurrent runs the generator again, where its input is.
func TestGeneratedIsCurrent(t *testing.T) {
	model, err := exec.CommandContext(t.Context(), hosttest.Python(), "-c",
		"import botocore,os,gzip,hashlib;p=os.path.dirname(botocore.__file__)+'/data/lambda/2015-03-31/service-2.json.gz';print(p,hashlib.sha256(gzip.open(p).read()).hexdigest()[:16])").Output()
	if err != nil {
		hosttest.Lacks(t, "this host lacks botocore, which the API is generated from: make test-deps installs it")
	}
	path, sum, _ := strings.Cut(strings.TrimSpace(string(model)), " ")
	committed, err := os.ReadFile("model_gen.go")
	must(t, err)
	if !bytes.Contains(committed[:200], []byte(sum)) {
		hosttest.Lacks(t, "the botocore here has another model (%s) than the one generated from: make test-deps installs that", sum)
	}
	line, err := os.ReadFile("generate.go")
	must(t, err)
	args := regexp.MustCompile(`(?m)^//go:generate go (.*)$`).FindSubmatch(line)
	if args == nil {
		t.Fatal("no go:generate line")
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", append(strings.Fields(string(args[1])), "-model", path, "-dir", dir)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"shapes_gen.go", "model_gen.go"} {
		now, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		was, err := os.ReadFile(name)
		must(t, err)
		if !bytes.Equal(now, was) {
			t.Errorf("%s is not what go generate writes", name)
		}
	}
}

// partly says what of an implemented operation is missing.
func partly() map[string]string {
	return map[string]string{
		"CreateFunction":              refusedSettings,
		"AddPermission":               "PrincipalOrgID is kept and shown, and allows nobody: there are no organizations",
		"AddLayerVersionPermission":   "OrganizationId is kept and shown, and allows nobody: there are no organizations",
		"UpdateFunctionConfiguration": refusedSettings,
		"PutRuntimeManagementConfig":  "UpdateRuntimeOn Auto only: functions follow the host's runtime, or the image that an operator gave it under that name",
		"ListFunctions":               "FunctionVersion=ALL too; MasterRegion: ALL or the own region",
	}
}

// byHand names the operations that the tables of handlers lack.
func byHand(op string) bool { return op == opInvoke || op == opInvokeStream }

const refusedSettings = "VPC, tracing, KMS keys, SnapStart, durable and capacity settings, log levels and other log groups are refused by name"

// TestCompatibilityPage: docs/compatibility.md says what the tables say. Run
// with -update to rewrite it.
func TestCompatibilityPage(t *testing.T) {
	var b strings.Builder
	offered := handlers()
	b.WriteString("# AWS Lambda API: what is there\n\n" +
		"Written by `go test ./internal/lambdaapi -run TestCompatibilityPage -update`; a test keeps it true.\n\n")
	fmt.Fprintf(&b, "Of the %d operations of API version %s ebb offers %d. All others are routed and answer\n"+
		"501 `NotImplementedException` with their name. A request member that ebb does not support is\n"+
		"refused with its name; members that only repeat the default are accepted.\n\n", len(operations()), service().APIVersion, len(offered)+2)
	b.WriteString("| Operation | Request | Success | State |\n|---|---|---|---|\n")
	for _, op := range operations() {
		state := "not yet"
		if _, ok := offered[op.Name]; ok || byHand(op.Name) {
			state = "yes"
			if note := partly()[op.Name]; note != "" {
				state += ": " + note
			}
		}
		fmt.Fprintf(&b, "| %s | `%s %s` | %d | %s |\n", op.Name, op.Method, op.Path, op.Code, state)
	}
	const page = "../../docs/compatibility.md"
	if *update {
		must(t, os.WriteFile(page, []byte(b.String()), 0o644))
	}
	have, err := os.ReadFile(page)
	must(t, err)
	if string(have) != b.String() {
		t.Error("docs/compatibility.md is out of date: run the test with -update")
	}
}
