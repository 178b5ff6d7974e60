package manifest

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// localImages are the prefixes of images that are files.
var localImages = [...]string{"oci:", "docker-archive:"}

// Reference is the URI with a relative path of a file made absolute: the
// platform knows no folder of ours.
func (i *Image) Reference(dir string) (string, error) {
	for _, prefix := range localImages {
		if rest, local := strings.CutPrefix(i.URI, prefix); local && !filepath.IsAbs(rest) {
			abs, err := filepath.Abs(filepath.Join(dir, rest))
			return prefix + abs, err
		}
	}
	return i.URI, nil
}

// image reads the name of an image, or a mapping.
func (r *reader) image(dst **Image) setter {
	return func(key string, n ast.Node) {
		i := &Image{}
		before := len(r.problems)
		switch r.plain(n).(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
			r.fields(key, n, map[string]setter{
				"uri":        r.text(&i.URI, 4096),
				"entrypoint": r.texts(&i.EntryPoint),
				"command":    r.texts(&i.Command),
				"workdir":    r.text(&i.WorkDir, 1000),
			})
		default:
			r.text(&i.URI, 4096)(key, n)
		}
		if len(r.problems) > before {
			return
		}
		if strings.TrimSpace(i.URI) == "" {
			r.fail(n, key, "names no image; for example: image: registry.example/team/app:1")
		}
		if i.WorkDir != "" && !path.IsAbs(i.WorkDir) {
			r.fail(n, key+".workdir", "must be an absolute path in the image")
		}
		*dst = i
	}
}

// imageOrRuntime sees to it that f is one or the other. What stands in the
// function itself wins over the defaults.
func (r *reader) imageOrRuntime(f *Function, key string, e entry) {
	own := map[string]ast.Node{}
	if v := r.plain(e.value); v != nil && v.Type() != ast.NullType {
		for _, k := range r.mapping(key, e.value) {
			own[k.name] = k.key
		}
	}
	parts := [...]string{"runtime", "handler", "code"}
	if _, image := own["image"]; image {
		for _, part := range parts {
			if n, both := own[part]; both {
				r.fail(n, key+"."+part, "an image has its own %s; leave it out", part)
			}
		}
	} else if f.Image != nil {
		for _, part := range parts {
			if _, ok := own[part]; ok {
				f.Image = nil // an image by default, but not this one
			}
		}
	}
	if f.Image != nil {
		f.Runtime, f.Handler, f.Code = "", "", ""
		return
	}
	if f.Runtime == "" {
		r.fail(e.key, key+".runtime", "is missing; for example: runtime: python3")
	}
}
