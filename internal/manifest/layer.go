package manifest

import (
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Layer is what a manifest wants one layer to be: files that functions find in
// /opt.
type Layer struct {
	Name          string
	Code          string // folder or .zip file, relative to Manifest.Dir or absolute
	Build         string // shell command, "" = nothing to build
	Description   string
	License       string
	Runtimes      []string // it is made for; for people and lists
	Architectures []string
	Position      Position
}

var (
	layerNameRE = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)
	layerRefRE  = regexp.MustCompile(`^([a-zA-Z0-9-_]{1,64}(:[1-9][0-9]*)?|arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)$`)
)

// layers reads the layers section.
func (r *reader) layers(m *Manifest, n ast.Node) {
	for _, e := range r.mapping("layers", n) {
		l := Layer{Name: e.name, Code: DefaultCode, Position: position(e.key)}
		key := "layers." + e.name
		if !layerNameRE.MatchString(e.name) {
			r.fail(e.key, key, "a layer's name is 1 to 64 letters, digits, - or _")
			continue
		}
		switch v := r.plain(e.value).(type) {
		case *ast.StringNode:
			r.notEmpty(&l.Code)(key, v)
		default:
			r.fields(key, e.value, map[string]setter{
				"code":          r.notEmpty(&l.Code),
				"build":         r.text(&l.Build, 4096),
				"description":   r.text(&l.Description, 256),
				"license":       r.text(&l.License, 512),
				"runtimes":      r.texts(&l.Runtimes),
				"architectures": r.texts(&l.Architectures),
			})
		}
		m.Layers = append(m.Layers, l)
	}
}

// layerRefs reads the layers of a function: names, NAME:VERSION or ARNs.
func (r *reader) layerRefs(dst *[]string) setter {
	return func(key string, n ast.Node) {
		var refs []string
		before := len(r.problems)
		r.texts(&refs)(key, n)
		if len(r.problems) > before {
			return
		}
		if len(refs) > ebb.MaxLayers {
			r.fail(n, key, "a function has %d layers at most", ebb.MaxLayers)
		}
		for _, ref := range refs {
			if !layerRefRE.MatchString(ref) {
				r.fail(n, key, "%q is not the name of a layer, NAME:VERSION or the ARN of a layer version", ref)
			}
		}
		*dst = refs
	}
}

// Layer returns the layer of that name, or nil.
func (m *Manifest) Layer(name string) *Layer {
	for i := range m.Layers {
		if m.Layers[i].Name == name {
			return &m.Layers[i]
		}
	}
	return nil
}

// SplitLayer cuts a layer's reference into its name and its version ("" = the
// newest). An ARN is not cut.
func SplitLayer(ref string) (name, version string) {
	if strings.HasPrefix(ref, "arn:") {
		return ref, ""
	}
	name, version, _ = strings.Cut(ref, ":")
	return name, version
}
