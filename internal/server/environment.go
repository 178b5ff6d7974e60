package server

import (
	"regexp"
	"slices"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// variablePrefix is what all of ebb's own variables begin with.
const variablePrefix = "EBB_"

// variables are those of ebb and its commands. docs/configuration.md tells of them.
func variables() []string {
	return []string{
		"EBB_DATA", "EBB_DATABASE_PASSWORD", "EBB_GATEWAY", "EBB_MASTER_KEY", "EBB_ROOTLESS", "EBB_SERVICE", "EBB_TOKEN",
	}
}

// UnknownVariable is a variable of the environment that looks like one of ebb's and
// means nothing to it.
type UnknownVariable struct {
	Name    string
	Nearest string // what it was most likely meant to be, or ""
	// OfFunction says that it is a setting of functions, which does nothing here.
	OfFunction bool
}

// Hint says what to do about it.
func (v *UnknownVariable) Hint() string {
	switch {
	case v.OfFunction:
		return "it is a setting of functions: it belongs into the environment of one"
	case v.Nearest != "":
		return "did you mean " + v.Nearest + "?"
	}
	return "settings are keys of the file that --config names"
}

// UnknownVariables finds those in an environment. Their values, which may be secret,
// are not looked at.
func UnknownVariables(environ []string) []UnknownVariable {
	var unknown []UnknownVariable
	known, settings := variables(), ebb.Settings()
	for _, h := range ebb.Hooks() {
		settings = append(settings, h.Env(), h.Limit().Env)
	}
	inCluster := slices.ContainsFunc(environ, func(v string) bool { return strings.HasPrefix(v, "KUBERNETES_SERVICE_HOST=") })
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, variablePrefix) || slices.Contains(known, name) || inCluster && ofServices.MatchString(name) {
			continue
		}
		unknown = append(unknown, UnknownVariable{name, ebb.Nearest(name, known), slices.Contains(settings, name)})
	}
	slices.SortFunc(unknown, func(a, b UnknownVariable) int { return strings.Compare(a.Name, b.Name) })
	return unknown
}

// ofServices are what Kubernetes tells a container of a service that is called ebb or
// begins so.
var ofServices = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT|PORT)(_[A-Z0-9_]+)?$`)
