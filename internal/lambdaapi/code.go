package lambdaapi

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// Packages are downloaded from ebb itself, by an address that GetFunction signs.
const (
	downloadPrefix  = "/package/"
	downloadExpires = 10 * time.Minute // as AWS's addresses do
)

func isDownload(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, downloadPrefix)
}

// location is where the caller of c may download a package for a while.
func (a *API) location(c *call, code ebb.Digest) (string, error) {
	scheme := "http://"
	if c.r.TLS != nil {
		scheme = "https://"
	}
	return a.auth.Presign(c, http.MethodGet, scheme+c.r.Host+downloadPrefix+string(code), "lambda", downloadExpires)
}

// download sends a package to whoever holds its signed address, on every
// listener: inside a box the address is signed by the same key.
func (a *API) download(w http.ResponseWriter, r *http.Request) {
	// The address that GetFunction gave is the permission: it is signed by root,
	// whoever asked for it. One's own key signs no addresses of others' packages.
	p, err := a.auth.Authenticate(r, nil)
	if err == nil && p.Kind != auth.Root {
		err = a.auth.Authorize(p, "lambda:DownloadPackage", "*") // which no table has
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	id := ebb.Digest(strings.TrimPrefix(r.URL.Path, downloadPrefix))
	if !id.Valid() {
		a.fail(w, r, noPackage())
		return
	}
	zip, size, err := a.cfg.Package(r.Context(), id)
	if err != nil {
		if ebb.KindOf(err) == ebb.NotFound {
			err = noPackage()
		}
		a.fail(w, r, fmt.Errorf("package %s: %w", id, err))
		return
	}
	defer zip.Close()
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	h.Set("Etag", `"`+string(id)+`"`)
	w.WriteHeader(http.StatusOK)
	if _, err := io.Copy(w, zip); err != nil {
		// The length was promised: whoever is there sees a short body.
		a.log.Warn("package not delivered", "package", id, "request", requestID(w), "error", err)
	}
}

func noPackage() error {
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "The package is not stored here (any more).")
}
