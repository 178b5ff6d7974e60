package server

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path"
	"reflect"
	"slices"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-faas/ebb/internal/api"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/trigger/directory"
	"github.com/ebb-faas/ebb/internal/trigger/event"
	"github.com/ebb-faas/ebb/internal/trigger/kafka"
	"github.com/ebb-faas/ebb/internal/trigger/object"
	"github.com/ebb-faas/ebb/internal/trigger/timer"
)

var update = flag.Bool("update", false, "write what is generated from types")

// settings are the types that the settings of each kind are read into.
func settings() map[ebb.TriggerKind]reflect.Type {
	return map[ebb.TriggerKind]reflect.Type{
		ebb.TriggerTimer:     reflect.TypeFor[timer.Settings](),
		ebb.TriggerEvent:     reflect.TypeFor[event.Settings](),
		ebb.TriggerHTTP:      reflect.TypeFor[ebb.Route](),
		ebb.TriggerKafka:     reflect.TypeFor[kafka.Settings](),
		ebb.TriggerObject:    reflect.TypeFor[object.Settings](),
		ebb.TriggerDirectory: reflect.TypeFor[directory.Settings](),
	}
}

// TestTriggerSchemas: the schemas by which ebb.yaml is checked are those of the
// types that the platform reads triggers into.
func TestTriggerSchemas(t *testing.T) {
	const file = "../manifest/triggers.json"
	kinds := settings()
	roots := map[reflect.Type]string{reflect.TypeFor[api.TriggerSettings](): "serviceTrigger"}
	for kind, typ := range kinds {
		roots[typ] = "trigger-" + string(kind)
	}
	registry := huma.NewMapRegistry("#/$defs/", func(typ reflect.Type, hint string) string {
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if name := roots[typ]; name != "" {
			return name
		}
		return path.Base(typ.PkgPath()) + "-" + huma.DefaultSchemaNamer(typ, hint)
	})
	for typ := range roots {
		registry.Schema(typ, true, "")
	}
	shapes := registry.Map()
	of := shapes["serviceTrigger"]
	for _, kind := range []string{"timer", "kafka", "object", "directory", "event", "http"} {
		if typ := kinds[ebb.TriggerKind(kind)]; typ != nil {
			of.Properties[kind] = registry.Schema(typ, true, "")
		} else {
			delete(of.Properties, kind)
		}
	}
	of.Properties["name"] = &huma.Schema{Type: huma.TypeString, Description: "of the service's triggers"}
	of.Required = []string{"name", "target"}
	own := *of
	own.Properties = maps.Clone(of.Properties)
	delete(own.Properties, "target")
	own.Properties["qualifier"] = &huma.Schema{Type: huma.TypeString, Description: "alias or version of the function that is started"}
	own.Required = []string{"name"}
	shapes["functionTrigger"] = &own

	made, err := json.Marshal(shapes)
	if err != nil {
		t.Fatal(err)
	}
	made = lines(t, made)
	if *update {
		if err := os.WriteFile(file, made, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(have, made) {
		t.Errorf("%s is not current (%v): go test ./internal/server -run TestTriggerSchemas -update", file, err)
	}
}

// lines writes a map of schemas, one a line.
func lines(t *testing.T, text []byte) []byte {
	t.Helper()
	var shapes map[string]json.RawMessage
	if err := json.Unmarshal(text, &shapes); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString("{\n")
	for i, name := range slices.Sorted(maps.Keys(shapes)) {
		if i > 0 {
			b.WriteString(",\n")
		}
		b.WriteString(`    "` + name + `": `)
		b.Write(shapes[name])
	}
	b.WriteString("\n}\n")
	return b.Bytes()
}
