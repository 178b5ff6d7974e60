package oci

import (
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestConfigNamesTheKey(t *testing.T) {
	for want, cfg := range map[string]Config{
		"images.registries[0].host":           {Registries: []Registry{{Host: "a/b"}}},
		"images.registries[1].host":           {Registries: []Registry{{Host: "a"}, {Host: "a"}}},
		"password and passwordFile":           {Registries: []Registry{{Host: "a", Username: "u", Password: "p", PasswordFile: "f"}}},
		"tokenFile excludes":                  {Registries: []Registry{{Host: "a", Username: "u", TokenFile: "f"}}},
		"images.registries[0].username":       {Registries: []Registry{{Host: "a", Password: "p"}}},
		`images.localPaths: "x" is not absol`: {LocalPaths: []string{"x"}},
	} {
		if err := cfg.Validate(); ebb.TypeOf(err) != ebb.TypeConfigInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
	if err := (Config{Registries: []Registry{{Host: "a:5000", Username: "u", PasswordFile: "/f"}}}).Validate(); err != nil {
		t.Error(err)
	}
}
