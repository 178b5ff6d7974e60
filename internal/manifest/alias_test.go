package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestLayersAndAliases(t *testing.T) {
	m, err := Parse(FileName, []byte(`
layers:
  shared: layer
  numpy:
    code: numpy.zip
    description: arrays
    license: BSD
    runtimes: [python3.12]
    architectures: [x86_64]
    build: make numpy
defaults: {runtime: python3, handler: a.b}
functions:
  f:
    layers: [shared, "numpy:3", "arn:aws:lambda:us-east-1:000000000000:layer:x:1"]
    aliases:
      live:
      next: latest
      old: 3
      both: {version: 4, description: two, weights: {3: 0.25}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Layer{
		{Name: "shared", Code: "layer"},
		{Name: "numpy", Code: "numpy.zip", Build: "make numpy", Description: "arrays", License: "BSD",
			Runtimes: []string{"python3.12"}, Architectures: []string{"x86_64"}},
	}
	if d := cmp.Diff(want, m.Layers, cmpopts.IgnoreFields(Layer{}, "Position")); d != "" {
		t.Error(d)
	}
	f := m.Function("f")
	if d := cmp.Diff([]string{"shared", "numpy:3", "arn:aws:lambda:us-east-1:000000000000:layer:x:1"}, f.Layers); d != "" {
		t.Error(d)
	}
	aliases := []Alias{
		{Name: "live", Version: VersionPublished}, {Name: "next", Version: ebb.Latest}, {Name: "old", Version: "3"},
		{Name: "both", Version: "4", Description: "two", Canary: "3", Weight: 0.25},
	}
	if d := cmp.Diff(aliases, f.Aliases); d != "" {
		t.Error(d)
	}
	if m.Layer("shared") == nil || m.Layer("none") != nil {
		t.Error("layers are not found by name")
	}
	name, version := SplitLayer(f.Layers[1])
	if arn, none := SplitLayer(f.Layers[2]); name != "numpy" || version != "3" || arn != f.Layers[2] || none != "" {
		t.Errorf("%q %q %q", name, version, arn)
	}
}

func TestLayerAndAliasProblems(t *testing.T) {
	for text, want := range map[string]string{
		"layers: {a b: x}":                                        "layers.a b: a layer's name is",
		"layers: {a: {cod: x}}":                                   "layers.a.cod: unknown key; did you mean code?",
		"f: {layers: [a b]}":                                      `functions.f.layers: "a b" is not the name of a layer`,
		"f: {layers: ['x:0']}":                                    "is not the name of a layer",
		"f: {layers: [a, b, c, d, e, f]}":                         "5 layers at most",
		"f: {aliases: {7: 1}}":                                    "functions.f.aliases.7: an alias's name",
		"f: {aliases: {a: newest}}":                               "functions.f.aliases.a: must be published, latest or the number of a version",
		"f: {aliases: {a: {weights: {x: 0.5}}}}":                  "functions.f.aliases.a.weights.x: must be the number",
		"f: {aliases: {a: {weights: {1: 2}}}}":                    "functions.f.aliases.a.weights.1: must be a share",
		"f: {aliases: {a: {weights: {1: 0.5, 2: 0.5}}}}":          "names one version",
		"f: {aliases: {a: {version: 1, weights: {1: 0.5}}}}":      "first one already",
		"f: {aliases: {a: {version: latest, weights: {1: 0.5}}}}": "only published versions",
		"f: {aliases: {a: {version: 0}}}":                         "functions.f.aliases.a.version: must be",
	} {
		if strings.HasPrefix(text, "f:") {
			text = "functions:\n  " + strings.TrimSuffix(text, "}") + ", runtime: python3}\n"
		} else {
			text += "\nfunctions: {f: {runtime: python3}}\n"
		}
		if _, err := Parse(FileName, []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
	}
}
