package manifest

import (
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Service is what a manifest says about the service of its functions.
type Service struct {
	Name string
	// Settings say that the manifest has more than a name: then the service is
	// made if it is not there, and changed where it differs.
	Settings         bool
	Description      string
	Env              map[string]string
	LogRetentionDays int
	Egress           *ebb.Egress // nil = no limit of its own
	Quota            ebb.Quota
	Position         Position
}

// Bounds of a service's settings.
const (
	maxRetentionDays = 3653
	maxQuota         = 1 << 40
)

// service reads the name of a service, or a mapping.
func (r *reader) service(dst **Service) setter {
	return func(key string, n ast.Node) {
		s := &Service{Position: position(n)}
		before := len(r.problems)
		at, nameKey := n, key
		switch r.plain(n).(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
			s.Settings, nameKey = true, key+".name"
			r.fields(key, n, map[string]setter{
				"name":             r.text(&s.Name, 63),
				"description":      r.text(&s.Description, 256),
				"env":              r.table(&s.Env, envName),
				"logRetentionDays": r.whole(&s.LogRetentionDays, 0, maxRetentionDays),
				"egress":           r.egress(&s.Egress),
				"quota":            r.quota(&s.Quota),
			})
		default:
			r.text(&s.Name, 63)(key, n)
		}
		if len(r.problems) > before {
			return
		}
		if !ebb.ValidServiceName(s.Name) {
			r.fail(at, nameKey, "a service's name is 1 to 63 small letters, digits and -, the first a letter")
		}
		*dst = s
	}
}

// egress reads a list of rules, or any.
func (r *reader) egress(dst **ebb.Egress) setter {
	return func(key string, n ast.Node) {
		if text, ok := scalar(r.plain(n)); ok && text == "any" {
			*dst = nil
			return
		}
		var rules []string
		before := len(r.problems)
		r.texts(&rules)(key, n)
		if len(r.problems) > before {
			return
		}
		e, err := ebb.ParseEgress(strings.Join(rules, ","))
		if err != nil {
			r.fail(n, key, "%s", err)
			return
		}
		*dst = &e
	}
}

func (r *reader) quota(dst *ebb.Quota) setter {
	return func(key string, n ast.Node) {
		var code int
		r.fields(key, n, map[string]setter{
			"concurrency":       r.whole(&dst.Concurrency, 0, maxQuota),
			"memory":            r.megabytes(&dst.MemoryMB, 0, maxQuota),
			"requestsPerSecond": r.whole(&dst.Rate, 0, maxQuota),
			"functions":         r.whole(&dst.Functions, 0, maxQuota),
			"events":            r.whole(&dst.Events, 0, maxQuota),
			"codeStorage":       r.megabytes(&code, 0, maxQuota),
		})
		dst.CodeStorageMB = int64(code)
	}
}

// secretNames makes f's secrets the variables that refer to them.
func (r *reader) secretNames(f *draft, key string, e entry) {
	for variable, name := range f.secrets {
		reference := ebb.SecretScheme + name
		if ref, _ := ebb.ParseSecretRef(reference); ref.Name == "" {
			r.fail(e.key, key+".secrets."+variable, "%q is not the name of a secret, or NAME#VERSION", name)
			continue
		}
		if own, twice := f.Env[variable]; twice && own != reference {
			r.fail(e.key, key+".secrets."+variable, "is in env too; keep one of them")
			continue
		}
		if f.Env == nil {
			f.Env = map[string]string{}
		}
		f.Env[variable] = reference
	}
}
