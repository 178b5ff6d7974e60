package manifest

import (
	"maps"
	"strings"
	"testing"
)

func TestWebBecomesEnvironment(t *testing.T) {
	const with = "functions:\n  f:\n    runtime: nodejs\n    handler: node server.js\n"
	for text, want := range map[string]map[string]string{
		"":                                nil,
		"    web: false":                  nil,
		"    web: true":                   {"AWS_LWA_PORT": "8080"},
		"    web: 3000\n    env: {AB: c}": {"AWS_LWA_PORT": "3000", "AB": "c"},
		"    web: {port: 1, events: /in}": {"AWS_LWA_PORT": "1", "AWS_LWA_PASS_THROUGH_PATH": "/in"},
		"    web: {}\n    instanceConcurrency: 32":                {"AWS_LWA_PORT": "8080", "EBB_INSTANCE_CONCURRENCY": "32"},
		"    instanceConcurrency: 2":                              {"EBB_INSTANCE_CONCURRENCY": "2"},
		"    instanceConcurrency: 1":                              {"EBB_INSTANCE_CONCURRENCY": "1"},
		"    env: {AWS_LWA_PORT: 80}\n    instanceConcurrency: 2": {"AWS_LWA_PORT": "80", "EBB_INSTANCE_CONCURRENCY": "2"},
	} {
		m, err := Parse("ebb.yaml", []byte(with+text+"\n"))
		if err != nil || !maps.Equal(m.Functions[0].Env, want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"    web: 0": "functions.f.web: must be between", "    web: x": "must be true, false, a port", "    web: {events: in}": "functions.f.web.events: must begin with /",
		"    web: true\n    env: {AWS_LWA_PORT: 80}": "keep one of them",
		"    instanceConcurrency: 1001":              "between 1 and 1000",
	} {
		if _, err := Parse("ebb.yaml", []byte(with+text+"\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestWebOfDefaults: what holds for all may be taken back by one.
func TestWebOfDefaults(t *testing.T) {
	m, err := Parse("ebb.yaml", []byte("defaults: {runtime: nodejs, handler: x, web: 3000, instanceConcurrency: 8}\nfunctions:\n  a:\n  b: {web: false, instanceConcurrency: 1}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := m.Function("a").Env, m.Function("b").Env; a["AWS_LWA_PORT"] != "3000" || a["EBB_INSTANCE_CONCURRENCY"] != "8" ||
		b["AWS_LWA_PORT"] != "" || b["EBB_INSTANCE_CONCURRENCY"] != "1" {
		t.Errorf("%v, %v", a, b)
	}
}
