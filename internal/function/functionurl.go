package function

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"slices"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// CreateURL is a function URL to be. InvokeMode "" means BUFFERED.
type CreateURL struct {
	ebb.FunctionKey
	Qualifier  string // "" = $LATEST, else an alias
	AuthType   string
	InvokeMode string
	CORS       *ebb.CORS
}

// UpdateURL changes a function URL: what is nil stays. An empty CORS removes it.
type UpdateURL struct {
	ebb.FunctionKey
	Qualifier  string
	AuthType   *string
	InvokeMode *string
	CORS       *ebb.CORS
}

const (
	urlIDLength   = 32
	urlIDAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	maxCORSAge    = 86400
)

// CreateURL gives a function an address. Errors: Invalid, NotFound, Conflict
// when it has one.
func (f *Functions) CreateURL(ctx context.Context, c CreateURL) (*ebb.FunctionURL, error) {
	c.InvokeMode = or(c.InvokeMode, ebb.InvokeModeBuffered)
	if err := checkURL(c.Qualifier, &c.AuthType, &c.InvokeMode, c.CORS); err != nil {
		return nil, err
	}
	now := f.now()
	u := &ebb.FunctionURL{
		FunctionKey: c.FunctionKey, ID: newURLID(), Qualifier: c.Qualifier,
		AuthType: c.AuthType, InvokeMode: c.InvokeMode, CORS: someCORS(c.CORS),
		CreatedAt: now, LastModified: now,
	}
	err := f.commit(ctx, c.FunctionKey, func(tx *store.Tx) error {
		r, err := f.route(tx, c.FunctionKey, c.Qualifier)
		if err != nil {
			return err
		}
		if r.Version.PerTenant {
			return invalid("Function URLs are not supported for functions with tenant isolation")
		}
		err = tx.InsertFunctionURL(u)
		switch {
		case errors.Is(err, store.ErrExists):
			return ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "Failed to create function url config for [functionArn = %s]. Error message:  FunctionUrlConfig exists for this Lambda function",
				ebb.FunctionARN(f.cfg.Region, c.FunctionKey, c.Qualifier))
		case errors.Is(err, store.ErrMissing):
			return f.found(store.ErrNotFound, c.FunctionKey, c.Qualifier)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// UpdateURL makes the change and returns the URL, whose id stays.
func (f *Functions) UpdateURL(ctx context.Context, c UpdateURL) (*ebb.FunctionURL, error) {
	if err := checkURL(c.Qualifier, c.AuthType, c.InvokeMode, c.CORS); err != nil {
		return nil, err
	}
	var u *ebb.FunctionURL
	err := f.commit(ctx, c.FunctionKey, func(tx *store.Tx) (err error) {
		if u, err = tx.FunctionURL(c.FunctionKey, c.Qualifier); err != nil {
			return foundURL(err)
		}
		set(&u.AuthType, c.AuthType)
		set(&u.InvokeMode, c.InvokeMode)
		if c.CORS != nil {
			u.CORS = someCORS(c.CORS)
		}
		u.LastModified = f.now()
		return tx.UpdateFunctionURL(u)
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// GetURL returns the URL of a function's qualifier ("" is $LATEST).
func (f *Functions) GetURL(ctx context.Context, key ebb.FunctionKey, qualifier string) (*ebb.FunctionURL, error) {
	return f.readURL(ctx, func(tx *store.Tx) (*ebb.FunctionURL, error) { return tx.FunctionURL(key, qualifier) })
}

// URL returns the URL with that id, for the gateway, and finds out whether it is
// public. It reads the database: the
// caller caches, and drops what it keeps on OnChange.
func (f *Functions) URL(ctx context.Context, id string) (*ebb.FunctionURL, error) {
	return f.readURL(ctx, func(tx *store.Tx) (*ebb.FunctionURL, error) {
		u, err := tx.FunctionURLByID(id)
		if err != nil || u.AuthType != ebb.URLAuthNone {
			return u, err
		}
		p, err := tx.FunctionPolicy(u.FunctionKey, u.Qualifier)
		if errors.Is(err, store.ErrNotFound) {
			return u, nil
		}
		u.Public = Permits(p, ActionInvokeURL, Caller{URLAuthType: ebb.URLAuthNone, ViaURL: true})
		return u, err
	})
}

func (f *Functions) readURL(ctx context.Context, read func(*store.Tx) (*ebb.FunctionURL, error)) (*ebb.FunctionURL, error) {
	var u *ebb.FunctionURL
	err := f.store.Read(ctx, func(tx *store.Tx) (err error) {
		u, err = read(tx)
		return foundURL(err)
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// DeleteURL takes the address away; its id is not used again.
func (f *Functions) DeleteURL(ctx context.Context, key ebb.FunctionKey, qualifier string) error {
	return f.commit(ctx, key, func(tx *store.Tx) error { return foundURL(tx.DeleteFunctionURL(key, qualifier)) })
}

// ListURLs returns up to max (at most MaxPage; 0 means that) URLs of a function,
// by qualifier, and the marker of the next page.
func (f *Functions) ListURLs(ctx context.Context, key ebb.FunctionKey, marker string, max int) (us []*ebb.FunctionURL, next string, err error) {
	if marker != "" && !ebb.ValidQualifier(marker) {
		return nil, "", invalidMarker()
	}
	after := marker
	if marker == ebb.Latest {
		after = ""
	}
	return paged(ctx, f.store, max, func(tx *store.Tx, limit int) ([]*ebb.FunctionURL, error) {
		if _, err := tx.Function(key); err != nil {
			return nil, f.found(err, key, "")
		}
		return tx.FunctionURLs(key, marker == "", after, limit)
	}, func(last *ebb.FunctionURL) string { return or(last.Qualifier, ebb.Latest) })
}

func checkURL(qualifier string, auth, mode *string, cors *ebb.CORS) error {
	if qualifier != "" {
		if _, isVersion := ebb.ParseVersion(qualifier); isVersion || !ebb.ValidQualifier(qualifier) {
			return invalid("Qualifier: a function URL is of the function (no qualifier) or of an alias, not of %.140q", qualifier)
		}
	}
	if auth != nil && *auth != ebb.URLAuthNone && *auth != ebb.URLAuthIAM {
		return invalid("AuthType: %.140q is not %s or %s", *auth, ebb.URLAuthNone, ebb.URLAuthIAM)
	}
	if mode != nil && *mode != ebb.InvokeModeBuffered && *mode != ebb.InvokeModeStream {
		return invalid("InvokeMode: %.140q is not %s or %s", *mode, ebb.InvokeModeBuffered, ebb.InvokeModeStream)
	}
	return checkCORS(cors)
}

func checkCORS(c *ebb.CORS) error {
	if c == nil {
		return nil
	}
	if c.MaxAge < 0 || c.MaxAge > maxCORSAge {
		return invalid("Cors.MaxAge: %d is not between 0 and %d seconds", c.MaxAge, maxCORSAge)
	}
	methods := []string{"*", "GET", "PUT", "HEAD", "POST", "PATCH", "DELETE"}
	for _, m := range c.AllowMethods {
		if !slices.Contains(methods, m) {
			return invalid("Cors.AllowMethods: %.140q is not one of GET, PUT, HEAD, POST, PATCH, DELETE, *", m)
		}
	}
	for _, o := range c.AllowOrigins {
		if !validOrigin(o) {
			return invalid("Cors.AllowOrigins: %.140q is not * or scheme://host[:port]", o)
		}
	}
	return nil
}

func validOrigin(o string) bool {
	if o == "*" {
		return true
	}
	u, err := url.Parse(o)
	return err == nil && len(o) <= 253 && u.Scheme != "" && u.Host != "" && u.User == nil &&
		u.Path == "" && u.RawQuery == "" && u.Fragment == ""
}

// someCORS turns an empty CORS into none.
func someCORS(c *ebb.CORS) *ebb.CORS {
	if c == nil || !c.AllowCredentials && c.MaxAge == 0 &&
		len(c.AllowHeaders)+len(c.AllowMethods)+len(c.AllowOrigins)+len(c.ExposeHeaders) == 0 {
		return nil
	}
	return c
}

func foundURL(err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "The resource you requested does not exist.")
}

// newURLID is random enough (165 bits) that an address cannot be guessed.
func newURLID() string {
	// 252 is the largest multiple of 36 in a byte: above it a letter would be
	// likelier than others.
	const even = 252
	id := make([]byte, 0, urlIDLength)
	var buf [64]byte
	for len(id) < urlIDLength {
		_, _ = rand.Read(buf[:]) // never fails
		for _, b := range buf {
			if b < even && len(id) < urlIDLength {
				id = append(id, urlIDAlphabet[int(b)%len(urlIDAlphabet)])
			}
		}
	}
	return string(id)
}
