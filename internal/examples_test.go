package internal_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/ebb-faas/ebb/internal/manifest"
)

// TestExamplesAreWhole: every example has a manifest that ebb accepts, an event
// to try it with, and a page that says what it shows.
func TestExamplesAreWhole(t *testing.T) {
	files, err := filepath.Glob("../examples/*/ebb.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("found %d examples: %v", len(files), err)
	}
	for _, file := range files {
		m, err := manifest.Load(file)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, f := range m.Functions {
			if _, err := os.Stat(filepath.Join(m.Dir, f.Code)); err != nil && f.Build == "" {
				t.Errorf("%s: code of %s: %v", file, f.Name, err)
			}
		}
		event, err := os.ReadFile(filepath.Join(m.Dir, "event.json"))
		if err != nil {
			t.Error(err)
		} else if !json.Valid(event) {
			t.Errorf("%s/event.json is not JSON", m.Dir)
		}
		if _, err := os.Stat(filepath.Join(m.Dir, "README.md")); err != nil {
			t.Error(err)
		}
	}
}
