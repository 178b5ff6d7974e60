package gateway

import (
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func withCORS(c ebb.CORS) func(*ebb.FunctionURL) {
	return func(f *ebb.FunctionURL) { f.CORS = &c }
}

func TestCORS(t *testing.T) {
	const me, them = "https://app.example", "https://evil.example"
	strict := ebb.CORS{AllowOrigins: []string{me}, AllowMethods: []string{"GET", "POST"}, AllowHeaders: []string{"x-a", "content-type"},
		ExposeHeaders: []string{"x-b", "x-c"}, MaxAge: 600, AllowCredentials: true}
	open := ebb.CORS{AllowOrigins: []string{"*"}, AllowMethods: []string{"*"}, AllowHeaders: []string{"*"}}
	wild := ebb.CORS{AllowOrigins: []string{"*"}, AllowMethods: []string{"*"}, AllowCredentials: true}
	ask := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-a"}
	for name, c := range map[string]struct {
		cors   ebb.CORS
		method string
		header []string
		want   map[string]string
		vary   string
		calls  int
	}{
		"preflight": {strict, "OPTIONS", append([]string{"Origin", me}, ask...), map[string]string{"Allow-Origin": me, "Allow-Methods": "GET,POST",
			"Allow-Headers": "x-a,content-type", "Max-Age": "600", "Allow-Credentials": "true", "Expose-Headers": "x-b,x-c"}, "Origin", 0},
		"preflight, other case":   {strict, "OPTIONS", append([]string{"Origin", "HTTPS://APP.example"}, ask...), map[string]string{"Allow-Origin": "HTTPS://APP.example", "Allow-Credentials": "true", "Allow-Methods": "GET,POST", "Allow-Headers": "x-a,content-type", "Max-Age": "600", "Expose-Headers": "x-b,x-c"}, "Origin", 0},
		"preflight, other origin": {strict, "OPTIONS", append([]string{"Origin", them}, ask...), nil, "Origin", 0},
		"preflight, other method": {strict, "OPTIONS", []string{"Origin", me, "Access-Control-Request-Method", "DELETE"},
			map[string]string{"Allow-Origin": me, "Max-Age": "600", "Allow-Credentials": "true", "Expose-Headers": "x-b,x-c"}, "Origin", 0},
		"preflight, open":      {open, "OPTIONS", append([]string{"Origin", them}, ask...), map[string]string{"Allow-Origin": "*", "Allow-Methods": "POST", "Allow-Headers": "x-a"}, "", 0},
		"no preflight":         {open, "OPTIONS", []string{"Origin", me}, map[string]string{"Allow-Origin": "*"}, "", 1},
		"request":              {strict, "GET", []string{"Origin", me}, map[string]string{"Allow-Origin": me, "Allow-Credentials": "true", "Expose-Headers": "x-b,x-c"}, "Origin", 1},
		"request, other":       {strict, "GET", []string{"Origin", them}, nil, "Origin", 1},
		"request, no origin":   {strict, "GET", nil, nil, "Origin", 1},
		"request, credentials": {wild, "GET", []string{"Origin", them}, map[string]string{"Allow-Origin": them, "Allow-Credentials": "true"}, "Origin", 1},
	} {
		t.Run(name, func(t *testing.T) {
			u := plainURL(withCORS(c.cors))
			// The function's own headers must not stand beside the URL's.
			r := newRig(t, Config{}, u, saying(`{"statusCode":201,"headers":{"access-control-allow-origin":"https://function.example","access-control-allow-credentials":"true"}}`))
			a := r.do(t, c.method, r.url, "", c.header...)
			if a.status != 200+c.calls {
				t.Fatalf("%+v", a)
			}
			for _, h := range []string{"Allow-Origin", "Allow-Methods", "Allow-Headers", "Max-Age", "Allow-Credentials", "Expose-Headers"} {
				if got := strings.Join(a.header.Values("Access-Control-"+h), "|"); got != c.want[h] {
					t.Errorf("%s: %q, want %q", h, got, c.want[h])
				}
			}
			if v := strings.Join(a.header.Values("Vary"), ","); strings.Contains(v, "Origin") != (c.vary != "") {
				t.Errorf("Vary %q", v)
			}
		})
	}
}

// A browser sends no credentials with a preflight.
func TestPreflightNeedsNoCredentials(t *testing.T) {
	r := newRig(t, Config{}, plainURL(withIAM, withCORS(ebb.CORS{AllowOrigins: []string{"*"}})), saying(`1`))
	if a := r.do(t, "OPTIONS", r.url, "", "Origin", "https://a", "Access-Control-Request-Method", "GET"); a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("%+v", a)
	}
	// A script must be able to read why it was refused.
	if a := r.do(t, "GET", r.url, "", "Origin", "https://a"); a.status != 403 || a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("%+v", a)
	}
}

func TestWithoutCORSTheFunctionAnswers(t *testing.T) {
	r := newRig(t, Config{}, plainURL(), saying(`{"statusCode":299,"headers":{"Access-Control-Allow-Origin":"https://f"}}`))
	if a := r.do(t, "OPTIONS", r.url, "", "Origin", "https://a", "Access-Control-Request-Method", "GET"); a.status != 299 || a.header.Get("Access-Control-Allow-Origin") != "https://f" {
		t.Fatalf("%+v", a)
	}
}
