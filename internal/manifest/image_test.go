package manifest

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestImage(t *testing.T) {
	m, err := Parse("ebb.yaml", []byte(`
defaults: {runtime: python3, memory: 256}
functions:
  short: {image: "registry.example/team/app:1", timeout: 9}
  long:
    image:
      uri: oci:images/app
      entrypoint: [/run, --fast]
      command: [app.handler]
      workdir: /srv
  zip: {handler: a.b}
`))
	if err != nil {
		t.Fatal(err)
	}
	short, long := m.Function("short"), m.Function("long")
	if d := cmp.Diff(&Image{URI: "registry.example/team/app:1"}, short.Image); d != "" || short.Runtime+short.Handler+short.Code != "" || short.MemoryMB != 256 {
		t.Errorf("%s %+v", d, short)
	}
	if d := cmp.Diff(&Image{URI: "oci:images/app", EntryPoint: []string{"/run", "--fast"}, Command: []string{"app.handler"}, WorkDir: "/srv"}, long.Image); d != "" {
		t.Error(d)
	}
	if zip := m.Function("zip"); zip.Image != nil || zip.Runtime != "python3" {
		t.Errorf("%+v", zip)
	}
	abs, err := filepath.Abs("sub/images/app")
	if err != nil {
		t.Fatal(err)
	}
	for uri, want := range map[string]string{
		"oci:images/app": "oci:" + abs, "docker-archive:/x/y.tar:a": "docker-archive:/x/y.tar:a", "host/app:1": "host/app:1",
	} {
		if got, err := (&Image{URI: uri}).Reference("sub"); got != want || err != nil {
			t.Errorf("%s is %s, want %s (%v)", uri, got, want, err)
		}
	}
}

func TestImageByDefault(t *testing.T) {
	m, err := Parse("ebb.yaml", []byte("defaults: {image: a}\nfunctions: {x: , y: {runtime: provided, code: dist}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if x, y := m.Function("x"), m.Function("y"); x.Image == nil || y.Image != nil || y.Runtime != "provided" {
		t.Errorf("%+v %+v", x, y)
	}
}

func TestImageProblems(t *testing.T) {
	for text, want := range map[string]string{
		"{image: a, runtime: python3}":    "functions.f.runtime: an image has its own runtime",
		"{image: a, code: .}":             "functions.f.code: an image has its own code",
		`{image: ""}`:                     "functions.f.image: names no image",
		"{image: {command: [x]}}":         "functions.f.image: names no image",
		"{image: {uri: a, workdir: srv}}": "functions.f.image.workdir: must be an absolute path",
		"{image: {url: a}}":               "did you mean uri?",
		"{image: 5}":                      "must be text",
		"{image: {uri: a, command: run}}": "must be a list",
	} {
		if _, err := Parse("ebb.yaml", []byte("functions: {f: "+text+"}\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
