package manifest

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// whole uses every key there is.
const whole = `
version: 1
functions:
  full:
    description: "does it all"
    runtime: python3.11
    handler: app.main
    code: src
    build: make dist
    role: reader
    memory: 1GB
    timeout: 5m
    tmp: 1024
    architecture: arm64
    logFormat: JSON
    env:
      GREETING: hi
      PORT: 8080
      RATIO: 1.10
      YES: true
      EMPTY: ""
      LONG: |
        two
        lines
    tags: {team: payments}
    url:
      auth: AWS_IAM
      mode: RESPONSE_STREAM
      cors:
        allowOrigins: ["https://a.example"]
        allowMethods: [GET, POST]
        allowHeaders: [x-a]
        exposeHeaders: [x-b]
        allowCredentials: true
        maxAge: 1h
  plain: {handler: x.y}
  open: {url: true, env: {MORE: "1"}}
  shut: {url: false, memory: 512 MB}
  iam: {url: AWS_IAM}
defaults:
  runtime: nodejs
  timeout: 30
  env: {GREETING: hello, STAGE: test}
  tags: {owner: me}
`

func TestWholeManifest(t *testing.T) {
	m, err := Parse("x/ebb.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	preset := Function{
		Runtime: "nodejs", Code: ".", Role: "default", MemoryMB: 128, TimeoutS: 30, TmpMB: 512, LogFormat: "Text",
		Env: map[string]string{"GREETING": "hello", "STAGE": "test"}, Tags: map[string]string{"owner": "me"},
	}
	with := func(change func(*Function)) Function {
		f := preset
		f.Env, f.Tags = maps.Clone(preset.Env), maps.Clone(preset.Tags)
		change(&f)
		return f
	}
	want := []Function{
		{
			Name: "full", Description: "does it all", Runtime: "python3.11", Handler: "app.main", Code: "src",
			Build: "make dist", Role: "reader", MemoryMB: 1024, TimeoutS: 300, TmpMB: 1024, Architecture: "arm64", LogFormat: "JSON",
			Env: map[string]string{
				"GREETING": "hi", "PORT": "8080", "RATIO": "1.10", "YES": "true", "EMPTY": "", "LONG": "two\nlines\n", "STAGE": "test",
			},
			Tags: map[string]string{"team": "payments", "owner": "me"},
			URL: &URL{Enabled: true, Auth: "AWS_IAM", Mode: "RESPONSE_STREAM", CORS: &ebb.CORS{
				AllowCredentials: true, AllowHeaders: []string{"x-a"}, AllowMethods: []string{"GET", "POST"},
				AllowOrigins: []string{"https://a.example"}, ExposeHeaders: []string{"x-b"}, MaxAge: 3600,
			}},
			Position: Position{4, 3},
		},
		with(func(f *Function) { f.Name, f.Handler, f.Position = "plain", "x.y", Position{36, 3} }),
		with(func(f *Function) {
			f.Name, f.Position = "open", Position{37, 3}
			f.Env["MORE"] = "1"
			f.URL = &URL{Enabled: true, Auth: "NONE", Mode: "BUFFERED"}
		}),
		with(func(f *Function) {
			f.Name, f.Position, f.MemoryMB = "shut", Position{38, 3}, 512
			f.URL = &URL{Auth: "NONE", Mode: "BUFFERED"}
		}),
		with(func(f *Function) {
			f.Name, f.Position = "iam", Position{39, 3}
			f.URL = &URL{Enabled: true, Auth: "AWS_IAM", Mode: "BUFFERED"}
		}),
	}
	if diff := cmp.Diff(want, m.Functions); diff != "" {
		t.Error(diff)
	}
	if f := m.Function("open"); f == nil || f.Name != "open" || m.Function("none") != nil {
		t.Error("Function does not find by name")
	}
}

// An anchor stands for what it marks, here a whole function.
func TestAliases(t *testing.T) {
	m, err := Parse("ebb.yaml", []byte("functions:\n  a: &a {runtime: python3, memory: &m 256}\n  b: *a\n  c: {runtime: nodejs, memory: *m}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Functions {
		if f.MemoryMB != 256 {
			t.Errorf("%s: memory %d", f.Name, f.MemoryMB)
		}
	}
}

func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := Load(file)
			if ebb.TypeOf(err) != ebb.TypeManifestInvalid || ebb.KindOf(err) != ebb.Invalid {
				t.Fatalf("got %v", err)
			}
			problems, ok := errors.AsType[Problems](err)
			if !ok {
				t.Fatal("the problems are not the cause")
			}
			for i := range problems {
				problems[i].File = "ebb.yaml"
			}
			got := problems.Error() + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "ebb init") {
		t.Errorf("no manifest: %v", err)
	}
	path := filepath.Join(dir, FileName)
	if err := os.WriteFile(path, []byte("functions: {a: {runtime: python3}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, given := range []string{dir, path} {
		m, err := Load(given)
		if err != nil || m.Dir != dir || m.Path != path {
			t.Errorf("%s: %+v %v", given, m, err)
		}
	}
	if err := os.WriteFile(path, make([]byte, maxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("huge manifest: %v", err)
	}
}

func TestRoleARN(t *testing.T) {
	for role, want := range map[string]string{
		"reader":                           "arn:aws:iam::000000000000:role/reader",
		"arn:aws:iam::123456789012:role/x": "arn:aws:iam::123456789012:role/x",
	} {
		if got := (&Function{Role: role}).RoleARN(ebb.DefaultService); got != want {
			t.Errorf("%s: %s", role, got)
		}
	}
}

// The schema for editors knows exactly the keys that the decoder knows.
func TestSchemaHasTheDecodersKeys(t *testing.T) {
	type object struct {
		Properties map[string]json.RawMessage
	}
	var s struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	keys := func(m map[string]json.RawMessage) []string { return slices.Sorted(maps.Keys(m)) }
	r := &reader{}
	if got, want := keys(s.Defs["function"].Properties), slices.Sorted(maps.Keys(r.function(&draft{}))); !reflect.DeepEqual(got, want) {
		t.Errorf("function: the schema has %v, the decoder %v", got, want)
	}
	if got, want := keys(s.Properties), []string{"defaults", "functions", "layers", "roles", "service", "triggers", "version", "workflows"}; !reflect.DeepEqual(got, want) {
		t.Errorf("the schema has %v at the top", got)
	}
	if got, want := keys(s.Defs["workflow"].Properties), slices.Sorted(maps.Keys(r.workflow(&Workflow{}))); !reflect.DeepEqual(got, want) {
		t.Errorf("workflow: the schema has %v, the decoder %v", got, want)
	}
	var url struct {
		OneOf []object
	}
	if err := json.Unmarshal(s.Defs["function"].Properties["url"], &url); err != nil {
		t.Fatal(err)
	}
	if got := keys(url.OneOf[len(url.OneOf)-1].Properties); !reflect.DeepEqual(got, []string{"auth", "cors", "mode"}) {
		t.Errorf("url: the schema has %v", got)
	}
	if got := len(s.Defs["cors"].Properties); got != reflect.TypeFor[ebb.CORS]().NumField() {
		t.Errorf("cors: the schema has %d keys", got)
	}
}

// Whatever stands in a file, reading it ends, and with problems or functions.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	files, err := filepath.Glob("testdata/errors/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse("ebb.yaml", text)
		if err == nil && len(m.Functions)+len(m.Workflows) == 0 {
			t.Error("neither functions nor workflows nor an error")
		}
		if err == nil {
			return
		}
		problems, ok := errors.AsType[Problems](err)
		if !ok || len(problems) == 0 {
			t.Fatalf("no problems in %v", err)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 {
				t.Errorf("problem without a place: %+v", p)
			}
		}
	})
}
