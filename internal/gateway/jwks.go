package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// How long the keys of an issuer are believed.
const (
	// keysFresh is how old they may be before they are read anew.
	keysFresh = 10 * time.Minute
	// keysAgain is how soon they are read anew for a key they do not have, or
	// after a read that failed: tokens with made-up keys cost the issuer no more.
	keysAgain = 10 * time.Second
	// keysLast is how old they may be while the issuer is away.
	keysLast = 24 * time.Hour
	// keysPatience is how long the issuer may take to answer.
	keysPatience = 5 * time.Second
	maxKeys      = 1 << 20 // bytes
)

// keySets are the key sets of issuers, by where they are.
type keySets struct {
	dir     string         // of files
	private []netip.Prefix // networks of this machine that may be asked
	client  *http.Client

	mu  sync.Mutex
	all map[string]*keySet
}

func newKeySets(cfg *Config) *keySets {
	dialer := &net.Dialer{Timeout: keysPatience, Control: func(_, address string, _ syscall.RawConn) error {
		return deliver.Reachable(address, cfg.JWKSPrivate)
	}}
	return &keySets{
		dir: cfg.JWKSDir, private: cfg.JWKSPrivate, all: make(map[string]*keySet),
		client: &http.Client{
			Timeout:       keysPatience,
			Transport:     &http.Transport{DialContext: dialer.DialContext, MaxIdleConns: 4, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// of is the key set at an https URL, or in a file of the folder for them.
func (s *keySets) of(where string) (*keySet, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.all[where]; k != nil {
		return k, nil
	}
	k := &keySet{where: where}
	if u, err := url.Parse(where); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		if u.Host == "" || u.User != nil {
			return nil, invalidJWKS("%.140q is not the URL of a key set", where)
		}
		if u.Scheme == "http" && !s.ours(u.Hostname()) {
			return nil, invalidJWKS("keys that come without TLS are anybody's; give an https URL")
		}
		k.load = s.fetch
	} else {
		if s.dir == "" {
			return nil, invalidJWKS("%.140q is not an https URL, and the node has no folder of key sets (http.jwksDir)", where)
		}
		if !filepath.IsLocal(where) {
			return nil, invalidJWKS("%.140q is not the name of a file in the node's folder of key sets", where)
		}
		k.load = s.read
	}
	s.all[where] = k
	return k, nil
}

// retain forgets the key sets that no route names any more.
func (s *keySets) retain(named map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for where := range s.all {
		if !named[where] {
			delete(s.all, where)
		}
	}
}

// ours reports whether a host is an address that this node's configuration lets
// be asked without TLS.
func (s *keySets) ours(host string) bool {
	ip, err := netip.ParseAddr(host)
	for _, p := range s.private {
		if err == nil && p.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}

func (s *keySets) fetch(ctx context.Context, where string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", where, resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxKeys))
}

func (s *keySets) read(_ context.Context, where string) ([]byte, error) {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open(where)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxKeys))
}

// keySet is the keys of one issuer.
type keySet struct {
	where string
	load  func(ctx context.Context, where string) ([]byte, error)

	mu    sync.RWMutex
	keys  []jose.JSONWebKey
	at    time.Time // when keys were read; zero = never
	tried time.Time // when that was tried last

	reading sync.Mutex // held by who reads
}

// find returns the keys that may have signed a token: the one with its id, or,
// if the token names none, the only one there is.
func (k *keySet) find(ctx context.Context, id, algorithm string, now time.Time) ([]jose.JSONWebKey, error) {
	keys, at, tried := k.known()
	found := pick(keys, id, algorithm)
	age := now.Sub(at)
	if len(found) > 0 && (age < keysFresh || age < keysLast && now.Sub(tried) < keysAgain) {
		return found, nil
	}
	if now.Sub(tried) >= keysAgain || tried.IsZero() {
		k.refresh(ctx, now, tried)
		keys, at, _ = k.known()
		found, age = pick(keys, id, algorithm), now.Sub(at)
	}
	switch {
	case at.IsZero() || age >= keysLast:
		return nil, ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable, "the keys of the token's issuer cannot be read from %s", k.where)
	case len(found) == 0:
		return nil, badToken("the token is signed by a key that its issuer does not have")
	}
	return found, nil
}

func (k *keySet) known() ([]jose.JSONWebKey, time.Time, time.Time) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.keys, k.at, k.tried
}

// refresh reads the keys anew, unless somebody has done so since tried.
func (k *keySet) refresh(ctx context.Context, now, tried time.Time) {
	k.reading.Lock()
	defer k.reading.Unlock()
	if _, _, last := k.known(); last != tried {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keysPatience) // for all who wait
	defer cancel()
	text, err := k.load(ctx, k.where)
	var set jose.JSONWebKeySet
	if err == nil {
		err = json.Unmarshal(text, &set)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tried = now
	if err == nil && len(set.Keys) > 0 {
		k.keys, k.at = set.Keys, now
	}
}

// pick chooses the public keys for signatures that have this id; algorithm is
// the token's.
func pick(keys []jose.JSONWebKey, id, algorithm string) (found []jose.JSONWebKey) {
	for i := range keys {
		k := &keys[i]
		if !k.IsPublic() || k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != algorithm {
			continue
		}
		if id == "" || k.KeyID == id {
			found = append(found, *k)
		}
	}
	if id == "" && len(found) > 1 {
		return nil
	}
	return found
}

func invalidJWKS(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "http.jwks: "+format, args...)
}
