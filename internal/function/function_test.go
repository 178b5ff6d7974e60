package function_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/store"
)

func TestCreate(t *testing.T) {
	f := open(t, function.Config{Region: "eu-central-1", Architecture: "arm64"})
	c := f.create("f")
	c.Tags, c.Env = map[string]string{"team": "bank"}, map[string]string{"GREETING": "hi"}
	v := must2(f.Create(t.Context(), c))(t)
	if !uuidRE.MatchString(v.RevisionID) || v.LastModified.IsZero() || v.Code.Size != int64(len(c.Zip)) || !v.Code.Digest.Valid() {
		t.Fatalf("got %+v", v)
	}
	same(t, v, &ebb.Version{
		FunctionKey: key("f"), RevisionID: v.RevisionID, Runtime: f.framed, Handler: "app.handler", Role: role,
		MemoryMB: 128, TimeoutS: 3, TmpMB: 512, Architecture: "arm64", PackageType: "Zip",
		Env: c.Env, Code: v.Code, LogFormat: "Text", State: ebb.StateActive, UpdateStatus: ebb.UpdateSuccessful,
		LastModified: v.LastModified,
	})
	for _, q := range []string{"", ebb.Latest} {
		fn, got, err := f.Get(t.Context(), key("f"), q)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, v)
		same(t, fn, &ebb.Function{FunctionKey: key("f"), CreatedAt: v.LastModified, Tags: c.Tags})
		same(t, must2(f.Resolve(t.Context(), key("f"), q))(t), v)
	}
	if _, err := f.packages.Dir(t.Context(), v.Code.Digest); err != nil {
		t.Fatalf("the package is not there: %v", err)
	}
	same(t, f.told(), []string{"f"})
}

func TestCreateWithEverything(t *testing.T) {
	f := open(t, function.Config{MaxTimeoutS: 3600})
	c := f.create("f")
	c.Description, c.MemoryMB, c.TimeoutS, c.TmpMB, c.LogFormat = strings.Repeat("é", 256), 10240, 3600, 10240, "JSON"
	c.Publish, c.Runtime, c.Handler = true, f.http, ""
	v := must2(f.Create(t.Context(), c))(t)
	if v.Number != 1 || v.MemoryMB != 10240 || v.TimeoutS != 3600 || v.TmpMB != 10240 || v.LogFormat != "JSON" || v.Description != c.Description {
		t.Fatalf("got %+v", v)
	}
	latest := must2(f.Resolve(t.Context(), key("f"), ""))(t)
	if latest.Number != 0 || latest.RevisionID == v.RevisionID || latest.Code != v.Code {
		t.Fatalf("$LATEST is %+v", latest)
	}
}

func TestCreateRefuses(t *testing.T) {
	f := open(t, function.Config{})
	for name, c := range map[string]struct {
		spoil func(*function.Create)
		names string
	}{
		"service":           {func(c *function.Create) { c.Service = "bank" }, "service: "},
		"name":              {func(c *function.Create) { c.Name = "a b" }, "FunctionName: "},
		"long name":         {func(c *function.Create) { c.Name = strings.Repeat("a", 65) }, "FunctionName: "},
		"no runtime":        {func(c *function.Create) { c.Runtime = "" }, "Runtime: "},
		"no such runtime":   {func(c *function.Create) { c.Runtime = "cobol85" }, "it has "},
		"no handler":        {func(c *function.Create) { c.Handler = "" }, "Handler: "},
		"handler":           {func(c *function.Create) { c.Handler = "app handler" }, "Handler: "},
		"long handler":      {func(c *function.Create) { c.Handler = strings.Repeat("a", 129) }, "Handler: "},
		"no role":           {func(c *function.Create) { c.Role = "" }, "Role: "},
		"role":              {func(c *function.Create) { c.Role = "arn:aws:iam::1:role/x" }, "Role: "},
		"role is a user":    {func(c *function.Create) { c.Role = "arn:aws:iam::000000000000:user/x" }, "Role: "},
		"role without name": {func(c *function.Create) { c.Role = "arn:aws:iam::000000000000:role/path/" }, "Role: "},
		"description":       {func(c *function.Create) { c.Description = strings.Repeat("é", 257) }, "Description: "},
		"little memory":     {func(c *function.Create) { c.MemoryMB = 127 }, "MemorySize: 127"},
		"much memory":       {func(c *function.Create) { c.MemoryMB = 10241 }, "MemorySize: 10241"},
		"no time":           {func(c *function.Create) { c.TimeoutS = -1 }, "Timeout: -1"},
		"long time":         {func(c *function.Create) { c.TimeoutS = 86401 }, "Timeout: 86401"},
		"little tmp":        {func(c *function.Create) { c.TmpMB = 511 }, "EphemeralStorage.Size: 511"},
		"much tmp":          {func(c *function.Create) { c.TmpMB = 10241 }, "EphemeralStorage.Size: 10241"},
		"architecture":      {func(c *function.Create) { c.Architecture = "s390x" }, "Architectures: "},
		"log format":        {func(c *function.Create) { c.LogFormat = "XML" }, "LoggingConfig.LogFormat: "},
		"env name":          {func(c *function.Create) { c.Env = map[string]string{"1A": ""} }, "Environment.Variables: "},
		"env short name":    {func(c *function.Create) { c.Env = map[string]string{"A": ""} }, "Environment.Variables: "},
		"env NUL":           {func(c *function.Create) { c.Env = map[string]string{"AB": "x\x00"} }, "Environment.Variables.AB: "},
		"env too large":     {func(c *function.Create) { c.Env = map[string]string{"AB": strings.Repeat("x", 4095)} }, "4KB"},
		"env reserved": {func(c *function.Create) {
			c.Env = map[string]string{"_HANDLER": "", "OK": "", "AWS_REGION": "x"}
		}, "Reserved keys used in this request: AWS_REGION, _HANDLER"},
		"many tags": {func(c *function.Create) {
			c.Tags = map[string]string{}
			for _, n := range numbered("t", 51) {
				c.Tags[n] = ""
			}
		}, "Tags: 51"},
		"tag of aws": {func(c *function.Create) { c.Tags = map[string]string{"aws:x": ""} }, "Tags: "},
		"long tag":   {func(c *function.Create) { c.Tags = map[string]string{"x": strings.Repeat("x", 257)} }, "Tags: "},
		"no zip":     {func(c *function.Create) { c.Zip = nil }, "Code.ZipFile: "},
	} {
		t.Run(name, func(t *testing.T) {
			create := f.create("f")
			c.spoil(&create)
			_, err := f.Create(t.Context(), create)
			refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, c.names)
		})
	}
	// Exactly at the limit is allowed.
	c := f.create("f")
	c.Env = map[string]string{"AB": strings.Repeat("x", 4094)}
	c.TimeoutS = 86400
	c.Env = map[string]string{"AB": strings.Repeat("x", 4094)} // as much as there may be
	must2(f.Create(t.Context(), c))(t)
	same(t, f.told(), []string{"f"})
}

func TestCreateMissingRuntimeListsThoseThereAre(t *testing.T) {
	f := open(t, function.Config{})
	c := f.create("f")
	c.Runtime = "cobol85"
	_, err := f.Create(t.Context(), c)
	for _, id := range []string{"cobol85", f.framed, f.http} {
		refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, id)
	}
}

func TestCreateBadPackage(t *testing.T) {
	f := open(t, function.Config{})
	c := f.create("f")
	c.Zip = []byte("not a zip")
	if _, err := f.Create(t.Context(), c); ebb.KindOf(err) != ebb.Invalid {
		t.Fatalf("got %v", err)
	}
	_, err := f.Resolve(t.Context(), key("f"), "")
	notFound(t, err)
}

func TestCreateTwice(t *testing.T) {
	f := open(t, function.Config{})
	const callers = 12
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { _, errs[i] = f.Create(t.Context(), f.create("f")) })
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
			continue
		}
		refused(t, err, ebb.Conflict, ebb.TypeResourceConflict, "Function already exist: f")
	}
	if made != 1 {
		t.Fatalf("%d of %d callers made it", made, callers)
	}
	same(t, f.told(), []string{"f"})
}

func TestList(t *testing.T) {
	f := open(t, function.Config{})
	want := numbered("f", 53)
	for _, name := range want {
		f.mustCreate(name)
	}
	other := f.create("elsewhere")
	other.Service = "111111111111"
	f.service("111111111111", "other")
	must2(f.Create(t.Context(), other))(t)
	for _, size := range []int{0, 7, 1000} {
		pages := walk(t, func(m string) ([]*ebb.Version, string, error) {
			return f.List(t.Context(), ebb.DefaultService, m, size)
		})
		var got []string
		for _, v := range flat(pages) {
			got = append(got, v.Name)
		}
		same(t, got, want)
		if first := len(pages[0]); size == 7 && first != 7 || size != 7 && first != function.MaxPage {
			t.Errorf("asked for %d, got %d at first", size, first)
		}
	}
	// A page that ends with the last item has no next.
	_, next, err := f.List(t.Context(), "111111111111", "", 1)
	if next != "" || err != nil {
		t.Errorf("next %q, %v", next, err)
	}
	_, _, err = f.List(t.Context(), ebb.DefaultService, "no marker", 0)
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "Marker: ")
}

func TestDelete(t *testing.T) {
	f := open(t, function.Config{})
	f.mustCreate("f")
	f.mustCreate("g")
	v1 := must2(f.Publish(t.Context(), function.Publish{FunctionKey: key("f")}))(t)
	u := must2(f.CreateURL(t.Context(), function.CreateURL{FunctionKey: key("f"), AuthType: ebb.URLAuthNone}))(t)
	f.told()

	err := f.Delete(t.Context(), key("f"), ebb.Latest)
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "$LATEST")
	notFound(t, f.Delete(t.Context(), key("f"), "7"))
	refused(t, f.Delete(t.Context(), key("f"), "alias"), ebb.Invalid, ebb.TypeInvalidParameterValue, "DeleteAlias")
	notFound(t, f.Delete(t.Context(), key("none"), ""))
	same(t, f.told(), []string(nil))

	if err := f.Delete(t.Context(), key("f"), v1.Qualifier()); err != nil {
		t.Fatal(err)
	}
	_, err = f.Resolve(t.Context(), key("f"), "1")
	notFound(t, err)
	must2(f.Resolve(t.Context(), key("f"), ""))(t)

	if err := f.Delete(t.Context(), key("f"), ""); err != nil {
		t.Fatal(err)
	}
	same(t, f.told(), []string{"f", "f"})
	_, _, err = f.Get(t.Context(), key("f"), "")
	refused(t, err, ebb.NotFound, ebb.TypeResourceNotFound, "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f")
	_, err = f.URL(t.Context(), u.ID)
	notFound(t, err)
	_, _, err = f.Versions(t.Context(), key("f"), "", 0)
	notFound(t, err)
	must2(f.Resolve(t.Context(), key("g"), ""))(t)
}

func TestTags(t *testing.T) {
	f := open(t, function.Config{})
	c := f.create("f")
	c.Tags = map[string]string{"a": "1", "b": "2"}
	must2(f.Create(t.Context(), c))(t)
	if err := f.Tag(t.Context(), key("f"), map[string]string{"b": "3", "c": "4"}); err != nil {
		t.Fatal(err)
	}
	if err := f.Untag(t.Context(), key("f"), []string{"a", "z"}); err != nil {
		t.Fatal(err)
	}
	fn, _, err := f.Get(t.Context(), key("f"), "")
	same(t, must(t, fn, err).Tags, map[string]string{"b": "3", "c": "4"})
	many := map[string]string{}
	for _, n := range numbered("t", 49) {
		many[n] = ""
	}
	refused(t, f.Tag(t.Context(), key("f"), many), ebb.Invalid, ebb.TypeInvalidParameterValue, "Tags: 51")
	notFound(t, f.Tag(t.Context(), key("none"), nil))
	fn, _, err = f.Get(t.Context(), key("f"), "")
	same(t, len(must(t, fn, err).Tags), 2)
}

func TestUsageAndQuota(t *testing.T) {
	f := open(t, function.Config{CodeStorageMB: 1})
	f.mustCreate("a")
	f.mustCreate("b") // the same package: counted once
	must2(f.Publish(t.Context(), function.Publish{FunctionKey: key("a")}))(t)
	u := must2(f.Usage(t.Context(), ebb.DefaultService))(t)
	same(t, u, function.Usage{Functions: 2, CodeBytes: int64(len(zipped("first")))})

	big := f.create("c")
	big.Zip = zipped(noise(1 << 20))
	_, err := f.Create(t.Context(), big)
	refused(t, err, ebb.QuotaExceeded, ebb.TypeCodeStorageExceeded, "Code storage limit exceeded")
	_, err = f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("a"), Zip: big.Zip})
	refused(t, err, ebb.QuotaExceeded, ebb.TypeCodeStorageExceeded, "Code storage limit exceeded")
	f.mustCreate("d") // what is there already costs nothing
}

func TestDigests(t *testing.T) {
	f := open(t, function.Config{})
	a := f.mustCreate("a")
	must2(f.Publish(t.Context(), function.Publish{FunctionKey: key("a")}))(t)
	b := must2(f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("a"), Zip: zipped("second")}))(t)
	same(t, must2(f.Digests(t.Context()))(t), map[ebb.Digest]bool{a.Code.Digest: true, b.Code.Digest: true})
	if err := f.Delete(t.Context(), key("a"), "1"); err != nil {
		t.Fatal(err)
	}
	same(t, must2(f.Digests(t.Context()))(t), map[ebb.Digest]bool{b.Code.Digest: true})
}

// Whoever drops its copy when told and reads again reads the new one.
func TestOnChangeComesAfterTheCommit(t *testing.T) {
	f := open(t, function.Config{})
	f.mustCreate("f")
	var seen *ebb.Version
	f.OnChange(func(k ebb.FunctionKey) { seen = must2(f.Resolve(t.Context(), k, ""))(t) })
	for _, d := range []string{"one", "two", "three"} {
		v := must2(f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Description: &d}))(t)
		same(t, seen, v)
	}
}

func TestCancelled(t *testing.T) {
	f := open(t, function.Config{})
	v := f.mustCreate("f")
	f.told()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.UpdateConfig(ctx, function.UpdateConfig{FunctionKey: key("f"), Description: ptr("x")})
	if ebb.KindOf(err) != ebb.Unavailable || !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	same(t, must2(f.Resolve(t.Context(), key("f"), ""))(t), v)
	same(t, f.told(), []string(nil))
}

func TestStoreClosed(t *testing.T) {
	f := open(t, function.Config{})
	f.mustCreate("f")
	if err := f.store.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := f.Resolve(t.Context(), key("f"), "")
	if ebb.KindOf(err) != ebb.Unavailable {
		t.Fatalf("got %v", err)
	}
	_, err = f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f")})
	if ebb.KindOf(err) != ebb.Unavailable || errors.Is(err, store.ErrOutcomeUnknown) {
		t.Fatalf("got %v", err)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []function.Config{{MaxTimeoutS: 86401}, {MaxTimeoutS: -1}, {CodeStorageMB: -1}} {
		if err := c.Validate(); ebb.TypeOf(err) != ebb.TypeConfigInvalid {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := (function.Config{MaxTimeoutS: 86400}).Validate(); err != nil {
		t.Error(err)
	}
	f := open(t, function.Config{})
	if l := f.Limits(); l.MaxTimeoutS != 86400 || !slices.Contains([]string{"x86_64", "arm64"}, l.Architecture) {
		t.Errorf("defaults are %+v", l)
	}
}
