package manifest

import (
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// reach is what a manifest says about what a function may have besides itself:
// connections, folders, CPU time. Each becomes a variable.
type reach struct {
	egress, invocationEgress, mounts []string
	cpuQuota                         string
}

// rules reads a list of targets.
func (r *reader) rules(dst *[]string) setter {
	return r.checked(dst, func(s string) error {
		_, err := ebb.ParseEgress(s)
		return err
	})
}

// folders reads a list of NAME:/mnt/FOLDER[:ro|rw].
func (r *reader) folders(dst *[]string) setter {
	return r.checked(dst, func(s string) error {
		_, err := ebb.ParseMounts(s)
		return err
	})
}

// checked reads a list of texts; what is wrong with them together or with one is
// said of the list.
func (r *reader) checked(dst *[]string, check func(string) error) setter {
	return func(key string, n ast.Node) {
		before := len(r.problems)
		*dst = nil
		r.texts(dst)(key, n)
		if err := check(strings.Join(*dst, ",")); len(r.problems) == before && err != nil {
			r.fail(n, key, "%v", err)
		}
	}
}

// cores reads a number of cores, or the word lambda.
func (r *reader) cores(dst *string) setter {
	return func(key string, n ast.Node) {
		s, ok := scalar(r.plain(n))
		if !ok {
			r.fail(n, key, "must be a number of cores or lambda, but is %s", what(r.plain(n)))
			return
		}
		if _, err := ebb.ParseCPUQuota(s, minMemoryMB); err != nil {
			r.fail(n, key, "%v", err)
			return
		}
		*dst = s
	}
}

// settings are the variables.
func (a *reach) settings(set func(what, name, value string)) {
	for _, s := range []struct{ what, name, value string }{
		{"egress", ebb.EnvEgress, strings.Join(a.egress, ",")},
		{"invocationEgress", ebb.EnvInvocationEgress, strings.Join(a.invocationEgress, ",")},
		{"mounts", ebb.EnvMounts, strings.Join(a.mounts, ",")},
		{"cpuQuota", ebb.EnvCPUQuota, a.cpuQuota},
	} {
		if s.value != "" {
			set(s.what, s.name, s.value)
		}
	}
}
