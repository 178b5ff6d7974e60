package function_test

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

func policy(action string) ebb.Policy {
	return ebb.Policy{Statement: []ebb.Statement{{Effect: ebb.Allow, Action: ebb.Patterns{action}, Resource: ebb.Patterns{"*"}}}}
}

func TestRole(t *testing.T) {
	f := open(t, function.Config{})
	told := 0
	f.OnRoleChange(func() { told++ })
	f.service(payments, "payments")
	first := must2(f.PutRole(t.Context(), payments, "worker", policy("lambda:*")))(t)
	second := must2(f.PutRole(t.Context(), payments, "worker", policy("states:*")))(t)
	if !second.CreatedAt.Equal(first.CreatedAt) || !second.LastModified.After(first.LastModified) || second.Policy.Statement[0].Action[0] != "states:*" || told != 2 {
		t.Errorf("%+v, told %d", second, told)
	}
	must2(f.PutRole(t.Context(), payments, "a", policy("lambda:*")))(t)
	all, next, err := f.ListRoles(t.Context(), payments, "", 1)
	if err != nil || len(all) != 1 || all[0].Name != "a" || next != "a" {
		t.Errorf("%v %q %v", all, next, err)
	}
	_, err = f.GetRole(t.Context(), ebb.DefaultService, "worker")
	refused(t, err, ebb.NotFound, ebb.TypeResourceNotFound, "worker")
	_, err = f.PutRole(t.Context(), payments, "a b", policy("lambda:*"))
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "name")
	_, err = f.PutRole(t.Context(), payments, "a", policy("everything"))
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "policy.Statement[0].Action")
	_, err = f.PutRole(t.Context(), "999999999999", "a", policy("lambda:*"))
	refused(t, err, ebb.NotFound, ebb.TypeResourceNotFound, "999999999999")
	ok(t, f.DeleteRole(t.Context(), payments, "worker"))
	refused(t, f.DeleteRole(t.Context(), payments, "worker"), ebb.NotFound, ebb.TypeResourceNotFound, "worker")
}

func TestStrictRoles(t *testing.T) {
	f := open(t, function.Config{StrictRoles: true})
	c := f.create("f")
	_, err := f.Create(t.Context(), c)
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "The role defined for the function cannot be assumed by Lambda.")
	must2(f.PutRole(t.Context(), c.Service, ebb.RoleName(c.Role), policy("lambda:*")))(t)
	must2(f.Create(t.Context(), c))(t)
	other := "arn:aws:iam::000000000000:role/none"
	_, err = f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: c.FunctionKey, Role: &other})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "cannot be assumed")
}
