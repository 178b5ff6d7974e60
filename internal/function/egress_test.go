package function_test

import (
	"context"
	"testing"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

func TestEgressWithinCeilings(t *testing.T) {
	f := open(t, function.Config{Egress: must2(ebb.ParseEgress("10.0.0.0/8:*,*.bank.local:*"))(t)})
	own := must2(ebb.ParseEgress("10.1.0.0/16:5432,*.bank.local:443"))(t)
	must2(f.UpdateService(t.Context(), key("f").Service, function.ServiceChange{Egress: &own}))(t)
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
	f := open(t, function.Config{})
	c := f.create("f")
	c.Env = map[string]string{"EBB_EGRESS": "10.1.2.3:5432"}
	_, err := f.Create(t.Context(), c)
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "may connect to (nothing)")
}

// TestEgressOfAnImage: what an image's own variables ask for is a wish like any.
func TestEgressOfAnImage(t *testing.T) {
	find := func(ctx context.Context, uri string) (*artifact.Image, artifact.OpenLayer, error) {
		img, layer, err := registry{"app": "one", "greedy": "two"}.find(ctx, uri)
		img.Config.Env = []string{"EBB_EGRESS=10.0.0.1:80"}
		if uri == "greedy" {
			img.Config.Env = []string{"EBB_EGRESS=10.0.0.1:*"}
		}
		return img, layer, err
	}
	f := open(t, function.Config{Images: find, Egress: must2(ebb.ParseEgress("10.0.0.1:80"))(t)})
	_, err := f.Create(t.Context(), function.Create{FunctionKey: key("f"), Role: role, ImageURI: "greedy"})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "is beyond")
	v := must2(f.Create(t.Context(), function.Create{FunctionKey: key("f"), Role: role, ImageURI: "app"}))(t)
	same(t, v.Egress().String(), "tcp/10.0.0.1:80")
	_, err = f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("f"), ImageURI: "greedy"})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "is beyond")
}

const point = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0"

func TestMounts(t *testing.T) {
	f := open(t, function.Config{Mounts: []ebb.MountOffer{
		{Name: "rates", Source: "/srv/rates", ReadOnly: true, Functions: []string{"*"}},
		{Name: "reports", Source: "/srv/reports", Functions: []string{"f"}, AccessPoint: point},
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

	// The same by an access point.
	c.Env, c.FileSystems = nil, []ebb.FileSystem{{ARN: point, Path: "/mnt/out"}}
	_, err = f.Create(t.Context(), c)
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "access point "+point+" is offered to this function")
	v = must2(f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Env: map[string]string{}, FileSystems: c.FileSystems}))(t)
	same(t, v.Mounts(), []ebb.MountRequest{{AccessPoint: point, Path: "/mnt/out"}})
	v = must2(f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Description: new("d")}))(t)
	same(t, len(v.FileSystems), 1)
	_, err = f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Env: map[string]string{"EBB_MOUNTS": "rates:/mnt/out"}})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "FileSystemConfigs[0].LocalMountPath: /mnt/out is there twice")
	v = must2(f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), FileSystems: []ebb.FileSystem{}}))(t)
	same(t, len(v.Mounts()), 0)
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
