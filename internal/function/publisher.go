package function

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/signature"
	"github.com/ebb-faas/ebb/internal/store"
)

// AddPublisher registers a public key under a publisher's name. The name may
// have others; a key that it has is no error.
func (f *Functions) AddPublisher(ctx context.Context, service ebb.ServiceID, name string, key ed25519.PublicKey) (*ebb.Publisher, error) {
	switch {
	case !ebb.ValidPublisherName(name):
		return nil, invalid("name: %.140q is not 1 to 64 letters, digits, _ and -", name)
	case len(key) != ed25519.PublicKeySize:
		return nil, invalid("publicKey: is not an ed25519 key")
	}
	p := &ebb.Publisher{Service: service, Name: name, Version: signature.KeyID(key), PublicKey: key, CreatedAt: f.now()}
	var out *ebb.Publisher
	err := f.store.Tx(ctx, func(tx *store.Tx) (err error) {
		if _, err := tx.Service(service); err != nil {
			return foundService(err, string(service))
		}
		if err := tx.PutPublisher(p); err != nil {
			return err
		}
		out, err = tx.Publisher(service, name, p.Version)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Publishers returns up to max (at most MaxPage; 0 means that) publishers of a
// service by name and version, and the marker of the next page.
func (f *Functions) Publishers(ctx context.Context, service ebb.ServiceID, marker string, max int) (all []*ebb.Publisher, next string, err error) {
	name, version, _ := strings.Cut(marker, "/")
	return paged(ctx, f.store, max, func(tx *store.Tx, limit int) ([]*ebb.Publisher, error) {
		return tx.Publishers(service, name, version, limit)
	}, func(last *ebb.Publisher) string { return last.Name + "/" + last.Version })
}

// RemovePublisher takes away one key of a publisher, or with version "" all.
// Code signed with it is not trusted from then on; functions that have such code
// keep it.
func (f *Functions) RemovePublisher(ctx context.Context, service ebb.ServiceID, name, version string) error {
	return f.store.Tx(ctx, func(tx *store.Tx) error {
		err := tx.DeletePublisher(service, name, version)
		if errors.Is(err, store.ErrNotFound) {
			return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "there is no publisher %.80q with this key in the service", name)
		}
		return err
	})
}

// checkPublishers refuses ARNs that are not publishers of the service.
func (f *Functions) checkPublishers(tx *store.Tx, service ebb.ServiceID, arns []string) error {
	const field = "AllowedPublishers.SigningProfileVersionArns"
	if len(arns) == 0 {
		return missing(field)
	}
	for _, arn := range arns {
		region, p, ok := ebb.ParsePublisherARN(arn)
		if !ok || region != f.cfg.Region || p.Service != service {
			return invalid("%s: %.220q is not the ARN of a publisher of this service", field, arn)
		}
		_, err := tx.Publisher(service, p.Name, p.Version)
		if errors.Is(err, store.ErrNotFound) {
			return invalid("%s: there is no publisher %s", field, arn)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
