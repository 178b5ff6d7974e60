package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestService(t *testing.T) {
	m, err := Parse("ebb.yaml", []byte(`
service:
  name: payments
  description: pays
  env: {STAGE: prod, RETRIES: 3}
  logRetentionDays: 30
  egress: ["10.0.0.0/8:5432", "tcp/db.bank.example:443"]
  quota: {concurrency: 50, memory: 8GB, requestsPerSecond: 200, functions: 10, events: 7, codeStorage: 1GB}
functions: {f: {runtime: python3}}
`))
	if err != nil {
		t.Fatal(err)
	}
	s := m.Service
	if s.Egress.String() != "tcp/10.0.0.0/8:5432,tcp/db.bank.example:443" {
		t.Errorf("egress %v", s.Egress)
	}
	s.Egress = nil
	want := &Service{Name: "payments", Settings: true, Description: "pays", Env: map[string]string{"STAGE": "prod", "RETRIES": "3"},
		LogRetentionDays: 30, Quota: ebb.Quota{Concurrency: 50, MemoryMB: 8192, Rate: 200, Functions: 10, Events: 7, CodeStorageMB: 1024}}
	want.Position = s.Position
	if d := cmp.Diff(want, s); d != "" {
		t.Error(d)
	}
	if m, err = Parse("ebb.yaml", []byte("service: payments\nfunctions: {f: {runtime: python3}}\n")); err != nil || m.Service.Name != "payments" || m.Service.Settings {
		t.Errorf("%+v %v", m, err)
	}
	if m, err = Parse("ebb.yaml", []byte("service: {name: p, egress: any}\nfunctions: {f: {runtime: python3}}\n")); err != nil || m.Service.Egress != nil {
		t.Errorf("%+v %v", m, err)
	}
}

func TestServiceProblems(t *testing.T) {
	for text, want := range map[string]string{
		"Pay":                                 "service: a service's name",
		"{description: x}":                    "service.name: a service's name",
		"{name: a, quota: {concurrency: -1}}": "service.quota.concurrency",
		"{name: a, quota: {speed: 1}}":        "service.quota.speed: unknown key",
		"{name: a, egress: [nonsense]}":       "service.egress: rule 1",
		"{name: a, logRetentionDays: x}":      "service.logRetentionDays",
		"[a]":                                 "service",
	} {
		_, err := Parse("ebb.yaml", []byte("service: "+text+"\nfunctions: {f: {runtime: python3}}\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestSecrets(t *testing.T) {
	m, err := Parse("ebb.yaml", []byte(`
defaults: {runtime: python3, secrets: {TOKEN: api-token}}
functions:
  a: {secrets: {DB_PASSWORD: db, OLD: db#3}, env: {X1: "1"}}
  b:
  c: {secrets: {TOKEN: other}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]map[string]string{
		"a": {"DB_PASSWORD": "secret://db", "OLD": "secret://db#3", "TOKEN": "secret://api-token", "X1": "1"},
		"b": {"TOKEN": "secret://api-token"},
		"c": {"TOKEN": "secret://other"},
	} {
		if d := cmp.Diff(want, m.Function(name).Env); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	for text, want := range map[string]string{
		"{secrets: {AB: a/b}}":                 "functions.f.secrets.AB",
		"{secrets: {AB: db#x}}":                "functions.f.secrets.AB",
		"{secrets: {AB: db}, env: {AB: text}}": "is in env too",
		"{secrets: {1: db}}":                   "variable's name",
		"{secrets: [db]}":                      "must be a mapping",
	} {
		_, err := Parse("ebb.yaml", []byte("functions: {f: "+strings.Replace(text, "{", "{runtime: python3, ", 1)+"}\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
