package manifest

import (
	"maps"
	"strings"
	"testing"
)

func TestReachBecomesEnvironment(t *testing.T) {
	const with = "functions:\n  f:\n    runtime: nodejs\n    handler: index.handler\n"
	for text, want := range map[string]map[string]string{
		"    egress: [db.bank.local:1521, udp/10.0.0.53:53]": {"EBB_EGRESS": "db.bank.local:1521,udp/10.0.0.53:53"},
		"    egress: []": nil,
		"    invocationEgress: [\"*.partner.com:22\"]":     {"EBB_INVOCATION_EGRESS": "*.partner.com:22"},
		"    mounts: [\"a:/mnt/a:rw\", \"b:/mnt/b\"]":      {"EBB_MOUNTS": "a:/mnt/a:rw,b:/mnt/b"},
		"    cpuQuota: 0.5":                                {"EBB_CPU_QUOTA": "0.5"},
		"    cpuQuota: 2\n    env: {AB: c}":                {"EBB_CPU_QUOTA": "2", "AB": "c"},
		"    cpuQuota: lambda\n    egress: [10.0.0.1:443]": {"EBB_CPU_QUOTA": "lambda", "EBB_EGRESS": "10.0.0.1:443"},
	} {
		m, err := Parse("ebb.yaml", []byte(with+text+"\n"))
		if err != nil || !maps.Equal(m.Functions[0].Env, want) {
			t.Errorf("%s: %v %v", text, m, err)
		}
	}
	for text, want := range map[string]string{
		"    egress: [db.bank.local]":                          "functions.f.egress: rule 1: \"db.bank.local\": it has no port",
		"    egress: db.bank.local:1":                          "must be a list",
		"    mounts: [\"a:/etc\"]":                             "functions.f.mounts: \"a:/etc\"",
		"    cpuQuota: fast":                                   "functions.f.cpuQuota: \"fast\" is neither",
		"    cpuQuota: [1]":                                    "must be a number of cores",
		"    cpuQuota: 1\n    env: {EBB_CPU_QUOTA: \"2\"}":     "keep one of them",
		"    egress: [\"a.b:1\"]\n    env: {EBB_EGRESS: \"\"}": "keep one of them",
	} {
		if _, err := Parse("ebb.yaml", []byte(with+text+"\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
