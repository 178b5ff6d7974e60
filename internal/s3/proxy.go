package s3

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// roleCode spells the name of a role in a key.
var roleCode = base32.HexEncoding.WithPadding(base32.NoPadding)

// Sign returns the platform's own credentials for a service, or for a role of it.
// They are worth something on the private socket.
func (e *Endpoint) Sign(service ebb.ServiceID, role string) aws.Credentials {
	id := ownPrefix + string(service)
	if role != "" {
		id += roleCode.EncodeToString([]byte(ebb.RoleName(role)))
	}
	return aws.Credentials{AccessKeyID: id, SecretAccessKey: e.secretOf(id), Source: "ebb"}
}

func (e *Endpoint) secretOf(id string) string {
	m := hmac.New(sha256.New, e.master)
	m.Write([]byte(id))
	return hex.EncodeToString(m.Sum(nil))
}

// lent is a box whose requests are being passed on.
type lent struct {
	box   *auth.Box
	count int
}

// box is the one that a key belongs to, if a request of it is being passed on.
func (e *Endpoint) box(accessKey string, private bool) *auth.Box {
	if !private {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.boxes[accessKey].box
}

// Is reports whether a request, by its signature, is one for S3.
func Is(r *http.Request) bool {
	head := r.Header.Get("Authorization")
	if strings.HasPrefix(head, "AWS4-HMAC-SHA256") {
		credential, _, _ := strings.Cut(head, ",")
		return strings.Contains(credential, "/s3/aws4_request")
	}
	if !strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		return false
	}
	return strings.HasSuffix(r.URL.Query().Get("X-Amz-Credential"), "/s3/aws4_request")
}

// Handler passes requests on to the child as they are, bytes and signature.
func (e *Endpoint) Handler() http.Handler { return e.proxy }

// Box passes the requests of a box on.
func (e *Endpoint) Box(box *auth.Box) http.Handler {
	id := box.Credentials().AccessKeyID
	count := func(by int) {
		e.mu.Lock()
		defer e.mu.Unlock()
		l := e.boxes[id]
		if l.count += by; l.count == 0 {
			delete(e.boxes, id)
			return
		}
		l.box = box
		e.boxes[id] = l
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count(1)
		defer count(-1)
		e.proxy.ServeHTTP(w, r)
	})
}

// newProxy makes what passes requests on by the private socket.
func (e *Endpoint) newProxy() http.Handler {
	e.transport = &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return e.Dial(ctx) },
		MaxIdleConnsPerHost: 64,
		DisableCompression:  true,
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "s3"
			r.Out.Host = r.In.Host // it is signed
			if host, _, err := net.SplitHostPort(r.In.RemoteAddr); err == nil {
				r.Out.Header.Set("X-Forwarded-For", host)
			}
			if _, ok := r.In.Header["User-Agent"]; !ok {
				r.Out.Header["User-Agent"] = nil
			}
		},
		Transport:     e.transport,
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(e.deps.Log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				e.deps.Log.Warn("the S3 endpoint does not answer", "error", err)
			}
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>ServiceUnavailable</Code><Message>The S3 endpoint does not answer. Try again.</Message></Error>`))
		},
	}
}
