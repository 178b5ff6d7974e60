package gateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// isPreflight reports whether a browser asks what it may do.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" &&
		r.Header.Get("Access-Control-Request-Method") != ""
}

// preflight answers in the function's place. What is not allowed is not
// mentioned, and the browser refuses it.
func preflight(w http.ResponseWriter, r *http.Request, c *ebb.CORS) {
	h := w.Header()
	h.Add("Vary", "Access-Control-Request-Method")
	h.Add("Vary", "Access-Control-Request-Headers")
	if allowOrigin(h, c, r.Header.Get("Origin")) {
		if m := r.Header.Get("Access-Control-Request-Method"); allows(c.AllowMethods, m) {
			h.Set("Access-Control-Allow-Methods", echo(c.AllowMethods, m))
		}
		if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" && len(c.AllowHeaders) > 0 {
			h.Set("Access-Control-Allow-Headers", echo(c.AllowHeaders, asked))
		}
		if c.MaxAge > 0 {
			h.Set("Access-Control-Max-Age", strconv.Itoa(c.MaxAge))
		}
	}
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// allowOrigin sets the CORS headers of an answer to origin and takes away the
// function's own. It reports whether the origin is allowed.
func allowOrigin(h http.Header, c *ebb.CORS, origin string) bool {
	for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers"} {
		h.Del(name)
	}
	wild := slices.Contains(c.AllowOrigins, "*")
	if !wild || c.AllowCredentials {
		h.Add("Vary", "Origin")
	}
	if origin == "" || !wild && !containsFold(c.AllowOrigins, origin) {
		return false
	}
	if wild && !c.AllowCredentials {
		origin = "*"
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if c.AllowCredentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(c.ExposeHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.ExposeHeaders, ","))
	}
	return true
}

// allows reports whether list names s or "*".
func allows(list []string, s string) bool {
	return slices.Contains(list, "*") || containsFold(list, s)
}

// echo is list as a header, or what was asked for if list is "*": with
// credentials a browser does not take "*" for everything.
func echo(list []string, asked string) string {
	if slices.Contains(list, "*") {
		return asked
	}
	return strings.Join(list, ",")
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, s) })
}
