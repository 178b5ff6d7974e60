package function_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

const noRevision = "00000000-0000-0000-0000-000000000000"

func TestUpdateCode(t *testing.T) {
	f := open(t, function.Config{})
	was := f.mustCreate("f")
	f.told()
	u := function.UpdateCode{FunctionKey: key("f"), Zip: zipped("second"), RevisionID: was.RevisionID}

	u.DryRun = true
	dry := must2(f.UpdateCode(t.Context(), u))(t)
	same(t, must2(f.Resolve(t.Context(), key("f"), ""))(t), was)
	same(t, f.told(), []string(nil))
	if _, err := f.packages.Dir(t.Context(), dry.Code.Digest); err == nil {
		t.Error("a dry run stored the package")
	}

	u.DryRun = false
	is := must2(f.UpdateCode(t.Context(), u))(t)
	same(t, dry.Code, is.Code)
	want := *was
	want.Code, want.RevisionID, want.LastModified = is.Code, is.RevisionID, is.LastModified
	same(t, is, &want)
	if is.Code == was.Code || is.RevisionID == was.RevisionID || !is.LastModified.After(was.LastModified) {
		t.Fatalf("still as it was: %+v", is)
	}
	same(t, must2(f.Resolve(t.Context(), key("f"), ""))(t), is)
	if _, err := f.packages.Dir(t.Context(), is.Code.Digest); err != nil {
		t.Error(err)
	}
	same(t, f.told(), []string{"f"})

	u.RevisionID, u.Publish = "", true
	if v := must2(f.UpdateCode(t.Context(), u))(t); v.Number != 1 || v.Code != is.Code {
		t.Fatalf("published %+v", v)
	}
}

func TestUpdateCodeRefuses(t *testing.T) {
	f := open(t, function.Config{})
	was := f.mustCreate("f")
	f.told()
	good := function.UpdateCode{FunctionKey: key("f"), Zip: zipped("second")}
	for _, dry := range []bool{false, true} {
		u := good
		u.DryRun, u.RevisionID = dry, noRevision
		_, err := f.UpdateCode(t.Context(), u)
		refused(t, err, ebb.PreconditionFailed, ebb.TypePreconditionFailed, "RevisionId: ")
		u = good
		u.DryRun, u.Architecture = dry, "s390x"
		_, err = f.UpdateCode(t.Context(), u)
		refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "Architectures: ")
		u = good
		u.DryRun, u.Zip = dry, nil
		_, err = f.UpdateCode(t.Context(), u)
		refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "ZipFile: ")
		u = good
		u.DryRun, u.Zip = dry, []byte("not a zip")
		if _, err = f.UpdateCode(t.Context(), u); ebb.KindOf(err) != ebb.Invalid {
			t.Errorf("bad zip: %v", err)
		}
		u = good
		u.DryRun, u.Name = dry, "none"
		_, err = f.UpdateCode(t.Context(), u)
		notFound(t, err)
	}
	same(t, must2(f.Resolve(t.Context(), key("f"), ""))(t), was)
	same(t, f.told(), []string(nil))
}

func TestUpdateConfig(t *testing.T) {
	f := open(t, function.Config{})
	c := f.create("f")
	c.Env = map[string]string{"AB": "1", "CD": "2"}
	was := must2(f.Create(t.Context(), c))(t)

	// Nothing set: only the revision is new.
	is := must2(f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f")}))(t)
	want := *was
	want.RevisionID, want.LastModified = is.RevisionID, is.LastModified
	same(t, is, &want)
	if is.RevisionID == was.RevisionID || !is.LastModified.After(was.LastModified) {
		t.Fatal("the revision is not new")
	}

	is = must2(f.UpdateConfig(t.Context(), function.UpdateConfig{
		FunctionKey: key("f"), RevisionID: is.RevisionID,
		Runtime: &f.http, Handler: ptr("bootstrap"), Role: ptr("arn:aws:iam::111111111111:role/x"),
		Description: ptr("new"), MemoryMB: ptr(256), TimeoutS: ptr(9), TmpMB: ptr(600),
		Env: map[string]string{"EF": "3"}, LogFormat: ptr("JSON"),
	}))(t)
	want.Runtime, want.Handler, want.Role, want.Description = f.http, "bootstrap", "arn:aws:iam::111111111111:role/x", "new"
	want.MemoryMB, want.TimeoutS, want.TmpMB, want.LogFormat = 256, 9, 600, "JSON"
	want.Env = map[string]string{"EF": "3"}
	want.RevisionID, want.LastModified = is.RevisionID, is.LastModified
	same(t, is, &want)
	same(t, must2(f.Resolve(t.Context(), key("f"), ""))(t), is)

	is = must2(f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Env: map[string]string{}}))(t)
	if len(is.Env) != 0 || is.MemoryMB != 256 {
		t.Fatalf("got %+v", is)
	}
}

func TestUpdateConfigRefuses(t *testing.T) {
	f := open(t, function.Config{})
	c := f.create("f")
	c.Runtime, c.Handler = f.http, ""
	was := must2(f.Create(t.Context(), c))(t)
	f.told()
	for name, c := range map[string]struct {
		u     function.UpdateConfig
		names string
	}{
		"runtime":               {function.UpdateConfig{Runtime: ptr("cobol85")}, "Runtime: "},
		"runtime wants handler": {function.UpdateConfig{Runtime: &f.framed}, "Handler: "},
		"handler":               {function.UpdateConfig{Handler: ptr("a b")}, "Handler: "},
		"role":                  {function.UpdateConfig{Role: ptr("")}, "Role: "},
		"description":           {function.UpdateConfig{Description: ptr(strings.Repeat("x", 257))}, "Description: "},
		"memory":                {function.UpdateConfig{MemoryMB: ptr(0)}, "MemorySize: "},
		"timeout":               {function.UpdateConfig{TimeoutS: ptr(0)}, "Timeout: "},
		"tmp":                   {function.UpdateConfig{TmpMB: ptr(1)}, "EphemeralStorage.Size: "},
		"env":                   {function.UpdateConfig{Env: map[string]string{"AWS_REGION": ""}}, "AWS_REGION"},
		"log format":            {function.UpdateConfig{LogFormat: ptr("")}, "LoggingConfig.LogFormat: "},
	} {
		t.Run(name, func(t *testing.T) {
			c.u.FunctionKey = key("f")
			_, err := f.UpdateConfig(t.Context(), c.u)
			refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, c.names)
		})
	}
	_, err := f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), RevisionID: noRevision})
	refused(t, err, ebb.PreconditionFailed, ebb.TypePreconditionFailed, "RevisionId: ")
	_, err = f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("none")})
	notFound(t, err)
	same(t, must2(f.Resolve(t.Context(), key("f"), ""))(t), was)
	same(t, f.told(), []string(nil))
}

// Of many who change what they have read, one wins.
func TestUpdateConfigRace(t *testing.T) {
	f := open(t, function.Config{})
	v := f.mustCreate("f")
	const callers = 12
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			_, errs[i] = f.UpdateConfig(t.Context(), function.UpdateConfig{
				FunctionKey: key("f"), RevisionID: v.RevisionID, MemoryMB: ptr(200 + i),
			})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		refused(t, err, ebb.PreconditionFailed, ebb.TypePreconditionFailed, "")
	}
	if won != 1 {
		t.Fatalf("%d of %d won", won, callers)
	}
}

func TestPublish(t *testing.T) {
	f := open(t, function.Config{})
	c := f.create("f")
	c.Description = "of latest"
	latest := must2(f.Create(t.Context(), c))(t)
	v1 := must2(f.Publish(t.Context(), function.Publish{FunctionKey: key("f"), RevisionID: latest.RevisionID, CodeDigest: latest.Code.Digest}))(t)
	want := *latest
	want.Number, want.RevisionID, want.LastModified = 1, v1.RevisionID, v1.LastModified
	same(t, v1, &want)
	if v1.RevisionID == latest.RevisionID {
		t.Fatal("no revision of its own")
	}

	// Nothing has changed but words: the same version.
	same(t, must2(f.Publish(t.Context(), function.Publish{FunctionKey: key("f"), Description: "again"}))(t), v1)
	must2(f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Description: ptr("words")}))(t)
	same(t, must2(f.Publish(t.Context(), function.Publish{FunctionKey: key("f")}))(t), v1)

	must2(f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Env: map[string]string{"AB": "1"}}))(t)
	v2 := must2(f.Publish(t.Context(), function.Publish{FunctionKey: key("f"), Description: "second"}))(t)
	if v2.Number != 2 || v2.Description != "second" || v2.Env["AB"] != "1" {
		t.Fatalf("got %+v", v2)
	}
	// What was published stays as it was.
	must2(f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("f"), Zip: zipped("second")}))(t)
	for _, v := range []*ebb.Version{v1, v2} {
		same(t, must2(f.Resolve(t.Context(), key("f"), v.Qualifier()))(t), v)
	}
}

func TestPublishRefuses(t *testing.T) {
	f := open(t, function.Config{})
	v := f.mustCreate("f")
	f.told()
	_, err := f.Publish(t.Context(), function.Publish{FunctionKey: key("f"), RevisionID: noRevision})
	refused(t, err, ebb.PreconditionFailed, ebb.TypePreconditionFailed, "RevisionId: ")
	_, err = f.Publish(t.Context(), function.Publish{FunctionKey: key("f"), CodeDigest: ebb.Digest(strings.Repeat("0", 64))})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "CodeSha256: CodeSHA256 (AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=) is different")
	_, err = f.Publish(t.Context(), function.Publish{FunctionKey: key("f"), Description: strings.Repeat("x", 257)})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "Description: ")
	_, err = f.Publish(t.Context(), function.Publish{FunctionKey: key("none")})
	notFound(t, err)
	same(t, f.told(), []string(nil))
	if v := must2(f.Publish(t.Context(), function.Publish{FunctionKey: key("f"), CodeDigest: v.Code.Digest}))(t); v.Number != 1 {
		t.Fatalf("a refused Publish took a number: %d", v.Number)
	}
}

func TestQualifiers(t *testing.T) {
	f := open(t, function.Config{})
	f.mustCreate("f")
	for _, q := range []string{"1", "prod", "99999999999999999999"} {
		_, err := f.Resolve(t.Context(), key("f"), q)
		refused(t, err, ebb.NotFound, ebb.TypeResourceNotFound, "function:f:"+q)
		_, _, err = f.Get(t.Context(), key("f"), q)
		refused(t, err, ebb.NotFound, ebb.TypeResourceNotFound, "function:f:"+q)
	}
	_, err := f.Resolve(t.Context(), key("f"), "a b")
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "Qualifier: ")
}

func TestVersions(t *testing.T) {
	f := open(t, function.Config{})
	f.mustCreate("e")
	f.mustCreate("f")
	want := []string{"f:$LATEST"}
	for i := range 12 {
		must2(f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), MemoryMB: ptr(200 + i)}))(t)
		must2(f.Publish(t.Context(), function.Publish{FunctionKey: key("f")}))(t)
		want = append(want, fmt.Sprint("f:", i+1))
	}
	pages := walk(t, func(m string) ([]*ebb.Version, string, error) { return f.Versions(t.Context(), key("f"), m, 5) })
	same(t, qualified(flat(pages)), want)
	same(t, len(pages), 3)
	pages = walk(t, func(m string) ([]*ebb.Version, string, error) {
		return f.ListVersions(t.Context(), ebb.DefaultService, m, 3)
	})
	same(t, qualified(flat(pages)), append([]string{"e:$LATEST"}, want...))
	for _, m := range []string{"x", "-1", "f:x", "f", ":1"} {
		_, _, err := f.ListVersions(t.Context(), ebb.DefaultService, m, 0)
		refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "Marker: ")
	}
	_, _, err := f.Versions(t.Context(), key("f"), "x", 0)
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "Marker: ")
}

// Any sequence of changes: numbers only grow and are never used again, what is
// published stays what it was, and identical content makes no new version.
func TestVersionsProperty(t *testing.T) {
	f := open(t, function.Config{})
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		name := fmt.Sprint("f", run)
		m := &versionModel{f: f, name: name, kept: map[int64]*ebb.Version{}}
		m.create(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"config":  m.config,
			"code":    m.code,
			"publish": m.publish,
			"delete":  m.deleteOne,
			"anew":    m.anew,
			"":        m.check,
		})
		if err := f.Delete(t.Context(), key(name), ""); err != nil {
			rt.Fatal(err)
		}
	})
}

type versionModel struct {
	f       *fixture
	name    string
	latest  *ebb.Version
	kept    map[int64]*ebb.Version // published and still there
	highest int64                  // number ever seen
}

func (m *versionModel) set(rt *rapid.T, v *ebb.Version, err error) {
	if err != nil {
		rt.Fatal(err)
	}
	if m.latest != nil && v.RevisionID == m.latest.RevisionID {
		rt.Fatal("no new revision")
	}
	m.latest = v
}

func (m *versionModel) create(rt *rapid.T) {
	v, err := m.f.Create(m.f.t.Context(), m.f.create(m.name))
	m.set(rt, v, err)
}

func (m *versionModel) config(rt *rapid.T) {
	v, err := m.f.UpdateConfig(m.f.t.Context(), function.UpdateConfig{
		FunctionKey: key(m.name), RevisionID: m.latest.RevisionID,
		MemoryMB: ptr(rapid.IntRange(128, 130).Draw(rt, "memory")),
	})
	m.set(rt, v, err)
}

func (m *versionModel) code(rt *rapid.T) {
	v, err := m.f.UpdateCode(m.f.t.Context(), function.UpdateCode{
		FunctionKey: key(m.name), Zip: zipped(rapid.SampledFrom([]string{"first", "second"}).Draw(rt, "code")),
	})
	m.set(rt, v, err)
}

func (m *versionModel) publish(rt *rapid.T) {
	v, err := m.f.Publish(m.f.t.Context(), function.Publish{FunctionKey: key(m.name)})
	if err != nil {
		rt.Fatal(err)
	}
	var last *ebb.Version
	for _, k := range m.kept {
		if last == nil || k.Number > last.Number {
			last = k
		}
	}
	if last != nil && last.Code == m.latest.Code && last.MemoryMB == m.latest.MemoryMB {
		if v.Number != last.Number {
			rt.Fatalf("identical to %d, but published as %d", last.Number, v.Number)
		}
		return
	}
	if v.Number <= m.highest {
		rt.Fatalf("number %d after %d", v.Number, m.highest)
	}
	m.highest = v.Number
	m.kept[v.Number] = v
}

func (m *versionModel) deleteOne(rt *rapid.T) {
	if m.highest == 0 {
		rt.Skip("nothing published")
	}
	n := rapid.Int64Range(1, m.highest).Draw(rt, "number")
	err := m.f.Delete(m.f.t.Context(), key(m.name), ebb.VersionQualifier(n))
	if (err == nil) != (m.kept[n] != nil) {
		rt.Fatalf("delete %d: %v", n, err)
	}
	delete(m.kept, n)
}

func (m *versionModel) anew(rt *rapid.T) {
	if err := m.f.Delete(m.f.t.Context(), key(m.name), ""); err != nil {
		rt.Fatal(err)
	}
	clear(m.kept)
	m.create(rt)
}

func (m *versionModel) check(rt *rapid.T) {
	for n := range m.highest + 1 {
		want := m.kept[n]
		if n == 0 {
			want = m.latest
		}
		got, err := m.f.Resolve(m.f.t.Context(), key(m.name), ebb.VersionQualifier(n))
		if (err == nil) != (want != nil) {
			rt.Fatalf("version %d: %v", n, err)
		}
		if want != nil {
			same(m.f.t, got, want)
		}
	}
}
