package manifest

import (
	"math"
	"strconv"

	"github.com/goccy/go-yaml/ast"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Words for versions that have no number of their own in a manifest.
const (
	VersionPublished = "published" // the one that the deploy publishes
	VersionLatest    = "latest"    // $LATEST
)

// Alias is where a manifest wants one alias of a function to lead.
type Alias struct {
	Name        string
	Version     string // a number, ebb.Latest or VersionPublished
	Description string
	Canary      string  // the second version, a number; "" = none
	Weight      float64 // of the second version, 0 to 1
}

// aliases reads the aliases of a function.
func (r *reader) aliases(dst *[]Alias) setter {
	return func(key string, n ast.Node) {
		*dst = nil // those of the defaults are not merged
		for _, e := range r.mapping(key, n) {
			full := key + "." + e.name
			if !ebb.ValidAliasName(e.name) {
				r.fail(e.key, full, "an alias's name is 1 to 128 letters, digits, - or _, and no number")
				continue
			}
			a := Alias{Name: e.name, Version: VersionPublished}
			switch v := r.plain(e.value).(type) {
			case *ast.MappingNode, *ast.MappingValueNode:
				r.fields(full, e.value, map[string]setter{
					"version":     r.version(&a.Version),
					"description": r.text(&a.Description, 256),
					"weights":     r.weights(&a),
				})
			case *ast.NullNode:
			default:
				r.version(&a.Version)(full, v)
			}
			if a.Canary != "" && a.Version == ebb.Latest {
				r.fail(e.key, full, "only published versions share invocations, not latest")
			}
			if a.Canary != "" && a.Canary == a.Version {
				r.fail(e.key, full+".weights", "version %s is the alias's first one already", a.Canary)
			}
			*dst = append(*dst, a)
		}
	}
}

// version reads published, latest or a number.
func (r *reader) version(dst *string) setter {
	return func(key string, n ast.Node) {
		s, _ := scalar(r.plain(n))
		number, err := strconv.ParseInt(s, 10, 64)
		switch {
		case s == VersionPublished:
			*dst = s
		case s == VersionLatest, s == ebb.Latest:
			*dst = ebb.Latest
		case err == nil && number > 0:
			*dst = strconv.FormatInt(number, 10)
		default:
			r.fail(n, key, "must be %s, %s or the number of a version", VersionPublished, VersionLatest)
		}
	}
}

// weights reads the share of a second version: {3: 0.1}.
func (r *reader) weights(a *Alias) setter {
	return func(key string, n ast.Node) {
		entries := r.mapping(key, n)
		if len(entries) > 1 {
			r.fail(n, key, "names one version, which shares the invocations with the first")
			return
		}
		for _, e := range entries {
			number, err := strconv.ParseInt(e.name, 10, 64)
			if err != nil || number < 1 {
				r.fail(e.key, key+"."+e.name, "must be the number of a version")
				return
			}
			s, _ := scalar(r.plain(e.value))
			share, err := strconv.ParseFloat(s, 64)
			if err != nil || math.IsNaN(share) || share < 0 || share > 1 {
				r.fail(e.value, key+"."+e.name, "must be a share between 0 and 1, for example 0.1")
				return
			}
			a.Canary, a.Weight = strconv.FormatInt(number, 10), share
		}
	}
}
