package function_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

func TestURL(t *testing.T) {
	f := open(t, function.Config{})
	f.mustCreate("f")
	f.told()
	cors := &ebb.CORS{AllowOrigins: []string{"*", "https://example.com:8443"}, AllowMethods: []string{"GET", "*"}, MaxAge: 86400}
	u := must2(f.CreateURL(t.Context(), function.CreateURL{FunctionKey: key("f"), AuthType: ebb.URLAuthIAM, CORS: cors}))(t)
	same(t, u, &ebb.FunctionURL{
		FunctionKey: key("f"), ID: u.ID, AuthType: ebb.URLAuthIAM, InvokeMode: ebb.InvokeModeBuffered, CORS: cors,
		CreatedAt: u.LastModified, LastModified: u.LastModified,
	})
	same(t, must2(f.GetURL(t.Context(), key("f"), ""))(t), u)
	same(t, must2(f.URL(t.Context(), u.ID))(t), u)
	_, err := f.CreateURL(t.Context(), function.CreateURL{FunctionKey: key("f"), AuthType: ebb.URLAuthNone})
	refused(t, err, ebb.Conflict, ebb.TypeResourceConflict, "FunctionUrlConfig exists for this Lambda function")

	is := must2(f.UpdateURL(t.Context(), function.UpdateURL{FunctionKey: key("f"), AuthType: ptr(ebb.URLAuthNone)}))(t)
	want := *u
	want.AuthType, want.LastModified = ebb.URLAuthNone, is.LastModified
	same(t, is, &want)
	if !is.LastModified.After(u.LastModified) {
		t.Error("LastModified is not new")
	}
	is = must2(f.UpdateURL(t.Context(), function.UpdateURL{FunctionKey: key("f"), InvokeMode: ptr(ebb.InvokeModeStream), CORS: &ebb.CORS{}}))(t)
	want.InvokeMode, want.CORS, want.LastModified = ebb.InvokeModeStream, nil, is.LastModified
	same(t, is, &want)
	same(t, must2(f.URL(t.Context(), u.ID))(t), is)

	us, next, err := f.ListURLs(t.Context(), key("f"), "", 0)
	same(t, must(t, us, err), []*ebb.FunctionURL{is})
	same(t, next, "")
	us, _, err = f.ListURLs(t.Context(), key("f"), ebb.Latest, 0)
	same(t, len(must(t, us, err)), 0)

	if err := f.DeleteURL(t.Context(), key("f"), ""); err != nil {
		t.Fatal(err)
	}
	same(t, f.told(), []string{"f", "f", "f", "f"})
	_, err = f.URL(t.Context(), u.ID)
	refused(t, err, ebb.NotFound, ebb.TypeResourceNotFound, "The resource you requested does not exist.")
	again := must2(f.CreateURL(t.Context(), function.CreateURL{FunctionKey: key("f"), AuthType: ebb.URLAuthNone}))(t)
	if again.ID == u.ID {
		t.Error("the id of a deleted URL came back")
	}
}

func TestURLRefuses(t *testing.T) {
	f := open(t, function.Config{})
	f.mustCreate("f")
	f.told()
	good := function.CreateURL{FunctionKey: key("f"), AuthType: ebb.URLAuthNone}
	for name, c := range map[string]struct {
		spoil func(*function.CreateURL)
		names string
	}{
		"no auth":      {func(c *function.CreateURL) { c.AuthType = "" }, "AuthType: "},
		"auth":         {func(c *function.CreateURL) { c.AuthType = "BASIC" }, "AuthType: "},
		"mode":         {func(c *function.CreateURL) { c.InvokeMode = "SLOW" }, "InvokeMode: "},
		"version":      {func(c *function.CreateURL) { c.Qualifier = "1" }, "Qualifier: "},
		"latest":       {func(c *function.CreateURL) { c.Qualifier = ebb.Latest }, "Qualifier: "},
		"no alias":     {func(c *function.CreateURL) { c.Qualifier = "a b" }, "Qualifier: "},
		"cors age":     {func(c *function.CreateURL) { c.CORS = &ebb.CORS{MaxAge: 86401} }, "Cors.MaxAge: "},
		"cors method":  {func(c *function.CreateURL) { c.CORS = &ebb.CORS{AllowMethods: []string{"get"}} }, "Cors.AllowMethods: "},
		"cors origin":  {func(c *function.CreateURL) { c.CORS = &ebb.CORS{AllowOrigins: []string{"example.com"}} }, "Cors.AllowOrigins: "},
		"cors address": {func(c *function.CreateURL) { c.CORS = &ebb.CORS{AllowOrigins: []string{"https://a/b"}} }, "Cors.AllowOrigins: "},
	} {
		t.Run(name, func(t *testing.T) {
			create := good
			c.spoil(&create)
			_, err := f.CreateURL(t.Context(), create)
			refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, c.names)
		})
	}
	alias := good
	alias.Qualifier = "prod"
	_, err := f.CreateURL(t.Context(), alias)
	refused(t, err, ebb.NotFound, ebb.TypeResourceNotFound, "function:f:prod")
	none := good
	none.Name = "none"
	_, err = f.CreateURL(t.Context(), none)
	refused(t, err, ebb.NotFound, ebb.TypeResourceNotFound, "function:none")
	_, err = f.UpdateURL(t.Context(), function.UpdateURL{FunctionKey: key("f")})
	notFound(t, err)
	notFound(t, f.DeleteURL(t.Context(), key("f"), ""))
	_, err = f.GetURL(t.Context(), key("f"), "")
	notFound(t, err)
	_, _, err = f.ListURLs(t.Context(), key("none"), "", 0)
	notFound(t, err)
	_, _, err = f.ListURLs(t.Context(), key("f"), "a b", 0)
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "Marker: ")
	same(t, f.told(), []string(nil))
}

// An id cannot be guessed: 32 characters, every one of them likely.
func TestURLIDs(t *testing.T) {
	f := open(t, function.Config{})
	shape := regexp.MustCompile(`^[a-z0-9]{32}$`)
	seen := map[string]bool{}
	var all strings.Builder
	for _, name := range numbered("f", 60) {
		f.mustCreate(name)
		u := must2(f.CreateURL(t.Context(), function.CreateURL{FunctionKey: key(name), AuthType: ebb.URLAuthNone}))(t)
		if !shape.MatchString(u.ID) || seen[u.ID] {
			t.Fatalf("id %q", u.ID)
		}
		seen[u.ID] = true
		all.WriteString(u.ID)
	}
	for _, c := range "abcdefghijklmnopqrstuvwxyz0123456789" {
		// 53 are expected; fewer than 10 come once in 10^13 runs.
		if n := strings.Count(all.String(), string(c)); n < 10 {
			t.Errorf("%c came %d times in 1920", c, n)
		}
	}
}
