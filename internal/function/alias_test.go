package function_test

import (
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

// threeVersions makes function f with versions 1 to 3.
func threeVersions(t *testing.T, f *fixture) {
	t.Helper()
	f.mustCreate("f")
	for i := range 3 {
		must2(f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), MemoryMB: new(256 + i)}))(t)
		must2(f.Publish(t.Context(), function.Publish{FunctionKey: key("f")}))(t)
	}
	f.told()
}

func TestAlias(t *testing.T) {
	f := open(t, function.Config{})
	threeVersions(t, f)
	a := must2(f.CreateAlias(t.Context(), function.CreateAlias{FunctionKey: key("f"), Alias: "live", Version: 1, Description: "d"}))(t)
	same(t, f.told(), []string{"f"})
	same(t, must2(f.GetAlias(t.Context(), key("f"), "live"))(t), a)
	same(t, must2(f.Resolve(t.Context(), key("f"), "live"))(t).Number, int64(1))
	_, v, err := f.Get(t.Context(), key("f"), "live")
	if err != nil || v.Number != 1 {
		t.Errorf("got %+v, %v", v, err)
	}
	_, err = f.CreateAlias(t.Context(), function.CreateAlias{FunctionKey: key("f"), Alias: "live", Version: 1})
	refused(t, err, ebb.Conflict, ebb.TypeResourceConflict, "Alias already exists: arn:aws:lambda:us-east-1:000000000000:function:f:live")

	b := must2(f.UpdateAlias(t.Context(), function.UpdateAlias{FunctionKey: key("f"), Alias: "live", RevisionID: a.RevisionID,
		Routing: &function.Routing{Version: 2, Weight: 0.25}}))(t)
	if b.RevisionID == a.RevisionID || b.Description != "d" || b.Version != 1 {
		t.Errorf("got %+v", b)
	}
	r := must2(f.Route(t.Context(), key("f"), "live"))(t)
	same(t, []any{r.Version.Number, r.Canary.Number, r.Weight}, []any{int64(1), int64(2), 0.25})
	_, err = f.UpdateAlias(t.Context(), function.UpdateAlias{FunctionKey: key("f"), Alias: "live", RevisionID: a.RevisionID, Version: new(int64(3))})
	refused(t, err, ebb.PreconditionFailed, ebb.TypePreconditionFailed, "RevisionId")

	for _, n := range []string{"1", "2"} {
		refused(t, f.Delete(t.Context(), key("f"), n), ebb.Conflict, ebb.TypeResourceConflict, "aliases reference it: [live]")
	}
	must2(f.UpdateAlias(t.Context(), function.UpdateAlias{FunctionKey: key("f"), Alias: "live", Version: new(int64(3)), Routing: &function.Routing{}}))(t)
	if err := f.Delete(t.Context(), key("f"), "2"); err != nil {
		t.Error(err)
	}
	if err := f.Delete(t.Context(), key("f"), ""); err != nil {
		t.Error(err)
	}
	_, err = f.GetAlias(t.Context(), key("f"), "live")
	notFound(t, err)
}

func TestAliasRefusals(t *testing.T) {
	f := open(t, function.Config{})
	threeVersions(t, f)
	for _, c := range []struct {
		alias   function.CreateAlias
		kind    ebb.Kind
		message string
	}{
		{function.CreateAlias{Alias: "1", Version: 1}, ebb.Invalid, "Name: "},
		{function.CreateAlias{Alias: "a b", Version: 1}, ebb.Invalid, "Name: "},
		{function.CreateAlias{Alias: "a", Version: 9}, ebb.NotFound, "function:f:9"},
		{function.CreateAlias{Alias: "a", Version: 1, Routing: function.Routing{Version: 9, Weight: 0.5}}, ebb.NotFound, "function:f:9"},
		{function.CreateAlias{Alias: "a", Version: 0, Routing: function.Routing{Version: 1, Weight: 0.5}}, ebb.Invalid, "$LATEST is not supported"},
		{function.CreateAlias{Alias: "a", Version: 1, Routing: function.Routing{Version: 1, Weight: 0.5}}, ebb.Invalid, "already included"},
		{function.CreateAlias{Alias: "a", Version: 1, Routing: function.Routing{Version: 2, Weight: 1.5}}, ebb.Invalid, "AdditionalVersionWeights"},
	} {
		c.alias.FunctionKey = key("f")
		_, err := f.CreateAlias(t.Context(), c.alias)
		if ebb.KindOf(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%+v: %v", c.alias, err)
		}
	}
	_, err := f.CreateAlias(t.Context(), function.CreateAlias{FunctionKey: key("none"), Alias: "a"})
	notFound(t, err)
	same(t, f.told(), []string(nil))

	role := "arn:aws:iam::000000000000:role/other"
	must2(f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Role: &role}))(t)
	four := must2(f.Publish(t.Context(), function.Publish{FunctionKey: key("f")}))(t)
	_, err = f.CreateAlias(t.Context(), function.CreateAlias{FunctionKey: key("f"), Alias: "a", Version: 1,
		Routing: function.Routing{Version: four.Number, Weight: 0.5}})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "different roles")
}

// An alias takes its URL along, and may be made again.
func TestAliasWithURL(t *testing.T) {
	f := open(t, function.Config{})
	threeVersions(t, f)
	url := function.CreateURL{FunctionKey: key("f"), Qualifier: "live", AuthType: ebb.URLAuthNone}
	_, err := f.CreateURL(t.Context(), url)
	notFound(t, err)
	must2(f.CreateAlias(t.Context(), function.CreateAlias{FunctionKey: key("f"), Alias: "live", Version: 1}))(t)
	u := must2(f.CreateURL(t.Context(), url))(t)
	for range 2 { // the second finds nothing, which is no error
		if err := f.DeleteAlias(t.Context(), key("f"), "live"); err != nil {
			t.Fatal(err)
		}
	}
	_, err = f.URL(t.Context(), u.ID)
	notFound(t, err)
}

func TestAliasList(t *testing.T) {
	f := open(t, function.Config{})
	threeVersions(t, f)
	for name, version := range map[string]int64{"a": 1, "b": 2, "c": 0} {
		must2(f.CreateAlias(t.Context(), function.CreateAlias{FunctionKey: key("f"), Alias: name, Version: version}))(t)
	}
	as, next, err := f.ListAliases(t.Context(), key("f"), nil, "", 2)
	if err != nil || len(as) != 2 || next != "b" {
		t.Fatalf("%+v, %q, %v", as, next, err)
	}
	as, next, err = f.ListAliases(t.Context(), key("f"), nil, next, 2)
	if err != nil || len(as) != 1 || as[0].Alias != "c" || next != "" {
		t.Fatalf("%+v, %q, %v", as, next, err)
	}
	as, _, err = f.ListAliases(t.Context(), key("f"), new(int64(2)), "", 0)
	if err != nil || len(as) != 1 || as[0].Alias != "b" {
		t.Fatalf("%+v, %v", as, err)
	}
}
