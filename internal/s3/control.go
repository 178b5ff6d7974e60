package s3

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// maxQuestion bounds what a child may ask at once: the events of 1,000 objects.
const maxQuestion = 8 << 20

// control answers the child's questions.
func (e *Endpoint) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(PathKey, func(w http.ResponseWriter, r *http.Request) { answer(e, w, r, e.key) })
	mux.HandleFunc(PathAuthorize, func(w http.ResponseWriter, r *http.Request) { answer(e, w, r, e.authorize) })
	mux.HandleFunc(PathEvents, func(w http.ResponseWriter, r *http.Request) { answer(e, w, r, e.happened) })
	mux.HandleFunc(PathNotifications, func(w http.ResponseWriter, r *http.Request) { answer(e, w, r, e.notifications) })
	return mux
}

// answer decodes a question, asks do, and encodes what it says.
func answer[Q, A any](e *Endpoint, w http.ResponseWriter, r *http.Request, do func(context.Context, *Q) (A, error)) {
	var q Q
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion)).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a, err := do(r.Context(), &q)
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(a) // a child that is gone does not hear it
	case ebb.KindOf(err) == ebb.Unauthenticated:
		http.Error(w, err.Error(), http.StatusUnauthorized)
	default:
		if r.Context().Err() == nil {
			e.deps.Log.Error("a question of the S3 endpoint is not answered", "question", r.URL.Path, "error", err)
		}
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (e *Endpoint) key(ctx context.Context, q *Signature) (*Key, error) {
	var key []byte
	p, own, err := e.ownHolder(ctx, q.AccessKey, q.Private)
	switch box := e.box(q.AccessKey, q.Private); {
	case own:
		key = auth.DeriveKey(e.secretOf(q.AccessKey), q.Date, q.Region)
	case box != nil:
		key, p, err = box.SigningKey(ctx, q.AccessKey, q.Token, q.Date, q.Region)
	default:
		key, p, err = e.deps.Auth.SigningKey(ctx, q.AccessKey, q.Token, q.Date, q.Region)
	}
	if err != nil {
		return nil, err
	}
	k := &Key{Key: key, Service: p.Service, ARN: p.ARN, All: p.Kind == auth.Root}
	if p.Kind == auth.Role {
		k.RoleARN = ebb.RoleARN(p.Service, p.Role)
	}
	return k, nil
}

// holder is who proved to be the holder of a key.
func (e *Endpoint) holder(ctx context.Context, q *Question) (auth.Principal, error) {
	if p, own, err := e.ownHolder(ctx, q.AccessKey, q.Private); own {
		return p, err
	}
	if box := e.box(q.AccessKey, q.Private); box != nil {
		return box.Holder(ctx, q.AccessKey, q.Token)
	}
	return e.deps.Auth.Holder(ctx, q.AccessKey, q.Token)
}

func (e *Endpoint) authorize(ctx context.Context, q *Question) (*Answer, error) {
	p, err := e.holder(ctx, q)
	if err != nil {
		return nil, err
	}
	a := &Answer{Principal: p.ARN}
	for _, r := range q.Resources {
		var verdicts []int
		for _, action := range q.Actions {
			verdict := Allowed
			if err := e.deps.Auth.AuthorizeObject(p, action, r.ARN, r.Owner); err != nil {
				verdict = Silent
				if auth.Denies(p, action, r.ARN) {
					verdict = Denied
				}
			}
			verdicts = append(verdicts, verdict)
		}
		a.Verdicts = append(a.Verdicts, verdicts)
	}
	return a, nil
}

func (e *Endpoint) happened(ctx context.Context, events *[]ebb.ObjectEvent) (struct{}, error) {
	for i := range *events {
		if err := e.deps.Happened(ctx, &(*events)[i]); err != nil {
			return struct{}{}, err
		}
	}
	return struct{}{}, nil
}

func (e *Endpoint) notifications(ctx context.Context, q *Notifications) (*Notifications, error) {
	var body []byte
	if q.Put {
		body = []byte(q.XML)
	}
	text, err := e.deps.Notifications(ctx, q.Service, q.Bucket, body)
	if said, ok := errors.AsType[*ebb.Error](err); ok && said.Kind != ebb.Internal && said.Kind != ebb.Unavailable {
		return &Notifications{Code: "InvalidArgument", Message: said.Message}, nil
	}
	return &Notifications{XML: string(text)}, err
}

// ownPrefix begins the keys that the platform itself signs with.
const ownPrefix = "EBB"

// ownHolder is for whom the platform itself acts with a key of its own.
func (e *Endpoint) ownHolder(ctx context.Context, accessKey string, private bool) (p auth.Principal, own bool, err error) {
	rest, own := strings.CutPrefix(accessKey, ownPrefix)
	const service = 12
	if !own || !private || len(rest) < service {
		return p, false, nil
	}
	id, role := ebb.ServiceID(rest[:service]), rest[service:]
	if role == "" {
		return auth.Platform(id), true, nil
	}
	name, err := roleCode.DecodeString(role)
	if err != nil {
		return p, false, nil //nolint:nilerr // then it is no key at all
	}
	p, err = e.deps.Auth.Assume(ctx, ebb.RoleARN(id, string(name)), id, "ebb")
	return p, true, err
}
