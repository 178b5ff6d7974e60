package function_test

import (
	"archive/zip"
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

const payments = ebb.ServiceID("123456789012")

// service makes a service.
func (f *fixture) service(id ebb.ServiceID, name string) *ebb.Service {
	f.t.Helper()
	s, err := f.CreateService(f.t.Context(), function.ServiceChange{ID: id, Name: &name})
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

func TestService(t *testing.T) {
	f := open(t, function.Config{})
	var told []ebb.ServiceID
	f.OnServiceChange(func(id ebb.ServiceID) { told = append(told, id) })
	made := f.service("", "payments")
	if !made.ID.Valid() || made.ID[0] == '0' || len(told) != 1 || told[0] != made.ID {
		t.Fatalf("%+v, told %v", made, told)
	}
	egress, err := ebb.ParseEgress("tcp/10.0.0.0/8:5432")
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.UpdateService(t.Context(), made.ID, function.ServiceChange{
		Env: map[string]string{"STAGE": "test"}, LogRetentionDays: new(7), Egress: &egress,
		Quota: &ebb.Quota{Concurrency: 5}, Description: new("pays"),
	})
	if err != nil || s.Name != "payments" || s.Env["STAGE"] != "test" || s.Quota.Concurrency != 5 || s.Egress.String() != "tcp/10.0.0.0/8:5432" {
		t.Fatalf("%+v %v", s, err)
	}
	for _, name := range []string{"payments", string(made.ID)} {
		got, err := f.Service(t.Context(), name)
		if err != nil || got.Description != "pays" || got.LogRetentionDays != 7 {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	// What is not spoken of stays.
	if s, err = f.UpdateService(t.Context(), made.ID, function.ServiceChange{NoEgress: true}); err != nil || s.Egress != nil || s.Env["STAGE"] != "test" {
		t.Errorf("%+v %v", s, err)
	}
	all, next, err := f.Services(t.Context(), "", 1)
	if err != nil || len(all) != 1 || all[0].Name != ebb.DefaultServiceName || next != "default" {
		t.Errorf("%v %q %v", all, next, err)
	}
	if all, next, err = f.Services(t.Context(), next, 1); err != nil || len(all) != 1 || all[0].ID != made.ID || next != "" {
		t.Errorf("%v %q %v", all, next, err)
	}
	_, err = f.CreateService(t.Context(), function.ServiceChange{Name: new("payments")})
	refused(t, err, ebb.Conflict, ebb.TypeResourceConflict, "payments")
	for want, c := range map[string]function.ServiceChange{
		"name: missing":           {},
		"name: \"Pay\"":           {Name: new("Pay")},
		"name: \"123456789012\"":  {Name: new("123456789012")},
		"id:":                     {Name: new("a"), ID: "12"},
		"logRetentionDays":        {Name: new("a"), LogRetentionDays: new(-1)},
		"quota.functions":         {Name: new("a"), Quota: &ebb.Quota{Functions: -1}},
		"env.AWS_LWA_PORT":        {Name: new("a"), Env: map[string]string{ebb.EnvWebPort: "80"}},
		"AWS_REGION":              {Name: new("a"), Env: map[string]string{"AWS_REGION": "x"}},
		"Environment.Variables.V": {Name: new("a"), Env: map[string]string{"VV": "secret://x"}},
	} {
		_, err := f.CreateService(t.Context(), c)
		refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, want)
	}
}

func TestServiceDelete(t *testing.T) {
	f := open(t, function.Config{})
	f.service(payments, "payments")
	c := f.create("f")
	c.Service = payments
	must2(f.Create(t.Context(), c))(t)
	refused(t, f.DeleteService(t.Context(), payments), ebb.Conflict, ebb.TypeResourceConflict, "has 1 functions")
	ok(t, f.Delete(t.Context(), c.FunctionKey, ""))
	ok(t, f.DeleteService(t.Context(), payments))
	_, err := f.Service(t.Context(), "payments")
	refused(t, err, ebb.NotFound, ebb.TypeResourceNotFound, "payments")
	refused(t, f.DeleteService(t.Context(), payments), ebb.NotFound, ebb.TypeResourceNotFound, "")
	refused(t, f.DeleteService(t.Context(), ebb.DefaultService), ebb.Conflict, ebb.TypeResourceConflict, "default")
	_, err = f.Create(t.Context(), c)
	refused(t, err, ebb.NotFound, ebb.TypeResourceNotFound, "there is no service")
}

func TestServiceQuotas(t *testing.T) {
	f := open(t, function.Config{})
	f.service(payments, "payments")
	limit := func(q ebb.Quota) {
		t.Helper()
		must2(f.UpdateService(t.Context(), payments, function.ServiceChange{Quota: &q}))(t)
	}
	limit(ebb.Quota{Functions: 1})
	c := f.create("a")
	c.Service = payments
	must2(f.Create(t.Context(), c))(t)
	c.Name = "b"
	_, err := f.Create(t.Context(), c)
	refused(t, err, ebb.QuotaExceeded, ebb.TypeCodeStorageExceeded, "Function limit exceeded")
	limit(ebb.Quota{Functions: 2, CodeStorageMB: 1})
	must2(f.Create(t.Context(), c))(t) // the same package counts once
	limit(ebb.Quota{CodeStorageMB: 1})
	c.Name, c.Zip = "large", incompressible(t, 1<<20)
	_, err = f.Create(t.Context(), c)
	refused(t, err, ebb.QuotaExceeded, ebb.TypeCodeStorageExceeded, "Code storage limit exceeded")
	c.Service = ebb.DefaultService // another service's quota is its own
	must2(f.Create(t.Context(), c))(t)
}

func TestEnvironmentIsTheServicesUnderTheFunctions(t *testing.T) {
	f := open(t, function.Config{})
	v := f.mustCreate("f")
	env, err := f.Environment(t.Context(), v)
	if err != nil || len(env) != len(v.Env) {
		t.Fatal(env, err)
	}
	must2(f.UpdateService(t.Context(), ebb.DefaultService, function.ServiceChange{Env: map[string]string{"SHARED": "1", "BOTH": "service"}}))(t)
	v.Env = map[string]string{"BOTH": "function", "OWN": "1"}
	env, err = f.Environment(t.Context(), v)
	if err != nil || env["SHARED"] != "1" || env["BOTH"] != "function" || env["OWN"] != "1" || len(env) != 3 {
		t.Errorf("%v %v", env, err)
	}
	if len(v.Env) != 2 {
		t.Error("the version's own environment was changed")
	}
}

func TestReferencesAreCheckedAtDeploy(t *testing.T) {
	asked := ""
	f := open(t, function.Config{CheckSecrets: func(_ context.Context, service ebb.ServiceID, env map[string]string) error {
		for name, v := range env {
			asked = string(service) + " " + name + " " + v
			if strings.HasSuffix(v, "missing") {
				return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "Environment.Variables.%s: there is no missing", name)
			}
		}
		return nil
	}})
	c := f.create("f")
	c.Env = map[string]string{"DB": "secret://missing"}
	_, err := f.Create(t.Context(), c)
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "Environment.Variables.DB")
	c.Env = map[string]string{"DB": "secret://there"}
	v := must2(f.Create(t.Context(), c))(t)
	if v.Env["DB"] != "secret://there" || asked != "000000000000 DB secret://there" {
		t.Errorf("%v, asked %q", v.Env, asked)
	}
	_, err = f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: c.FunctionKey, Env: map[string]string{"DB": "secret://missing"}})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "Environment.Variables.DB")
	_, err = f.UpdateService(t.Context(), ebb.DefaultService, function.ServiceChange{Env: map[string]string{"DB": "secret://missing"}})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "Environment.Variables.DB")
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// incompressible is a package of at least size bytes.
func incompressible(t *testing.T, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	entry, err := w.CreateHeader(&zip.FileHeader{Name: "large", Method: zip.Store})
	ok(t, err)
	_, err = entry.Write(make([]byte, size))
	ok(t, err)
	ok(t, w.Close())
	return b.Bytes()
}
