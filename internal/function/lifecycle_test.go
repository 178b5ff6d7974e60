package function_test

import (
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

func TestLifecycleSettings(t *testing.T) {
	f := open(t, function.Config{})
	f.mustCreate("f")
	key := ebb.FunctionKey{Service: ebb.DefaultService, Name: "f"}
	for _, c := range []struct {
		runtime, name, value string
		ok                   bool
	}{
		{f.framed, ebb.EnvAlwaysOnCPU, "true", true},
		{f.framed, ebb.EnvAlwaysOnCPU, "0", true},
		{f.framed, ebb.EnvAlwaysOnCPU, "yes please", false},
		{f.framed, ebb.EnvInitializer, "app.begin", true},
		{f.framed, ebb.EnvInitializerTimeout, "300", true},
		{f.framed, ebb.EnvInitializerTimeout, "301", false},
		{f.framed, ebb.EnvPreStopTimeout, "90", true},
		{f.framed, ebb.EnvPreStopTimeout, "91", false},
		{f.framed, ebb.EnvPreFreezeTimeout, "0", false},
		{f.framed, ebb.EnvPreFreezeTimeout, "soon", false},
		{f.http, ebb.EnvPreFreeze, "app.freeze", false},
	} {
		_, err := f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key, Runtime: &c.runtime, Env: map[string]string{c.name: c.value}})
		if c.ok && err != nil || !c.ok && (ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), c.name)) {
			t.Errorf("%s with %s=%s: %v", c.runtime, c.name, c.value, err)
		}
	}
}
