package object

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// WebhookPath is what the paths of webhooks begin with, before the id of the
// trigger.
const WebhookPath = "/events/s3/"

// maxNotification is how large a notification may be.
const maxNotification = 1 << 20

// ServeHTTP takes notifications of other stores. The secret is the bearer token,
// the password of basic authentication, or, for those who can send neither, the
// query's parameter "secret". It answers when what it was told is durable.
func (k *Kind) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t, err := k.called(r)
	if err != nil {
		k.fail(w, r, err)
		return
	}
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return // somebody looks whether it answers
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNotification))
	if err != nil {
		k.fail(w, r, invalid("the notification cannot be read: %v", err))
		return
	}
	if len(text) == 0 {
		return // the same
	}
	events, err := parse(text)
	for i := 0; err == nil && i < len(events); i++ {
		err = k.offer(r.Context(), t, &events[i], nil)
	}
	if err != nil {
		k.fail(w, r, err)
	}
}

// called finds the trigger of a webhook that the caller knows the secret of.
func (k *Kind) called(r *http.Request) (t *ebb.Trigger, err error) {
	unknown := ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied, "there is no such webhook, or it has another secret")
	id := strings.TrimPrefix(r.URL.Path, WebhookPath)
	err = k.deps.Store.Read(r.Context(), func(tx *store.Tx) (err error) {
		t, err = tx.TriggerByID(ebb.TriggerID(id))
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && t.Kind != ebb.TriggerObject {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	s, err := read(t)
	if err != nil || s.Webhook == nil {
		return nil, unknown
	}
	want, err := k.reveal(r.Context(), t, s.Webhook.Secret)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(want))
	for _, given := range secrets(r) {
		if got := sha256.Sum256([]byte(given)); subtle.ConstantTimeCompare(got[:], sum[:]) == 1 {
			return t, nil
		}
	}
	return nil, unknown
}

// secrets are what a caller may mean to be the secret.
func secrets(r *http.Request) (all []string) {
	head := r.Header.Get("Authorization")
	if scheme, token, ok := strings.Cut(head, " "); ok && strings.EqualFold(scheme, "Bearer") {
		all = append(all, strings.TrimSpace(token))
	} else if _, password, ok := r.BasicAuth(); ok {
		all = append(all, password)
	} else if head != "" {
		all = append(all, head) // as older ones of MinIO do
	}
	if q := r.URL.Query().Get("secret"); q != "" {
		all = append(all, q)
	}
	return all
}

func (k *Kind) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusServiceUnavailable // the store tries again
	switch ebb.KindOf(err) {
	case ebb.Forbidden:
		status = http.StatusForbidden
	case ebb.Invalid:
		status = http.StatusBadRequest
	default:
		if r.Context().Err() == nil {
			k.deps.Log.Error("a notification of an object store is not taken", "error", err)
		}
		err = errors.New("the platform cannot take it now")
	}
	http.Error(w, err.Error(), status)
}
