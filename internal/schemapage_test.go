package internal_test

import (
	"os"
	"testing"

	"github.com/ebb-faas/ebb/internal/manifest"
)

// The JSON Schema of ebb.yaml that is published is the one that ebb has.
func TestPublishedSchemaIsCurrent(t *testing.T) {
	published, err := os.ReadFile("../docs/ebb.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(published) != string(manifest.Schema()) {
		t.Error("docs/ebb.schema.json is not current: cp internal/manifest/schema.json docs/ebb.schema.json")
	}
}
