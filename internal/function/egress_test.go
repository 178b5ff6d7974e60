package function_test

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

func ceilings(t *testing.T, lists ...string) func(ebb.ServiceID) []ebb.Egress {
	t.Helper()
	var all []ebb.Egress
	for _, text := range lists {
		all = append(all, must2(ebb.ParseEgress(text))(t))
	}
	return func(ebb.ServiceID) []ebb.Egress { return all }
}

func TestEgressWithinCeilings(t *testing.T) {
	f := open(t, function.Config{Allowed: ceilings(t, "10.0.0.0/8:*,*.bank.local:*", "10.1.0.0/16:5432,*.bank.local:443")})
	c := f.create("f")
	c.Env = map[string]string{"EBB_EGRESS": "10.1.2.3:5432,db.bank.local:443", "EBB_INVOCATION_EGRESS": "*.bank.local:443"}
	v := must2(f.Create(t.Context(), c))(t)
	same(t, v.Egress().String(), "tcp/10.1.2.3:5432,tcp/db.bank.local:443")
	for _, c := range []struct{ name, value, names string }{
		{"EBB_EGRESS", "10.2.0.1:5432", "tcp/10.2.0.1:5432 is beyond"},
		{"EBB_EGRESS", "10.1.2.3:5432 11.1.1.1:5432", "tcp/11.1.1.1:5432 is beyond"},
		{"EBB_EGRESS", "db.bank.local:444", "is beyond"},
		{"EBB_EGRESS", "db.bank.local", `rule 1: "db.bank.local": it has no port`},
		{"EBB_INVOCATION_EGRESS", "*:443", "EBB_INVOCATION_EGRESS: tcp/*:443 is beyond"},
	} {
		_, err := f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Env: map[string]string{c.name: c.value}})
		refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, c.names)
	}
	_, err := f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Env: map[string]string{
		"EBB_INVOCATION_EGRESS": "*.bank.local:443", "AWS_LWA_PORT": "8080", "EBB_INSTANCE_CONCURRENCY": "2"}})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "has its instance for itself")
}

func TestEgressNobodyAllowed(t *testing.T) {
	for _, f := range []*fixture{open(t, function.Config{}), open(t, function.Config{Allowed: ceilings(t, "")})} {
		c := f.create("f")
		c.Env = map[string]string{"EBB_EGRESS": "10.1.2.3:5432"}
		_, err := f.Create(t.Context(), c)
		refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "EBB_EGRESS: ")
	}
}

func TestMounts(t *testing.T) {
	f := open(t, function.Config{Mounts: []ebb.MountOffer{
		{Name: "rates", Source: "/srv/rates", ReadOnly: true, Functions: []string{"*"}},
		{Name: "reports", Source: "/srv/reports", Functions: []string{"f"}},
	}})
	c := f.create("f")
	c.Env = map[string]string{"EBB_MOUNTS": "rates:/mnt/rates,reports:/mnt/out:rw"}
	v := must2(f.Create(t.Context(), c))(t)
	same(t, len(v.Mounts()), 2)
	for value, names := range map[string]string{
		"rates:/mnt/rates:rw": "for reading only", "secrets:/mnt/x": "no folder called secrets", "rates:/etc": "EBB_MOUNTS: ",
	} {
		_, err := f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Env: map[string]string{"EBB_MOUNTS": value}})
		refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, names)
	}
	c = f.create("g")
	c.Env = map[string]string{"EBB_MOUNTS": "reports:/mnt/out"}
	_, err := f.Create(t.Context(), c)
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "offered to this function")
}

func TestCPUQuota(t *testing.T) {
	f := open(t, function.Config{})
	c := f.create("f")
	c.Env = map[string]string{"EBB_CPU_QUOTA": "lambda"}
	v := must2(f.Create(t.Context(), c))(t)
	same(t, v.CPUQuota(), 72)
	_, err := f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Env: map[string]string{"EBB_CPU_QUOTA": "fast"}})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "EBB_CPU_QUOTA: ")
}
