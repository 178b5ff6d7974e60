package function

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

const (
	maxLicense           = 512 // characters
	maxLayerRuntimes     = 15
	maxLayerArchitecures = 2
)

// PublishLayer is a layer version to be.
type PublishLayer struct {
	ebb.LayerKey
	Zip           []byte
	Object        *Object // instead of Zip
	Description   string
	License       string
	Runtimes      []string
	Architectures []string
}

// PublishLayer stores the content and makes the next version of the layer, which
// is its first if there was none. Errors: Invalid, naming the field; those of
// artifact.Store.Put.
func (f *Functions) PublishLayer(ctx context.Context, p PublishLayer) (*ebb.LayerVersion, error) {
	if err := checkLayer(&p); err != nil {
		return nil, err
	}
	code, err := f.putSource(ctx, p.Service, p.Zip, p.Object)
	if err != nil {
		return nil, err
	}
	l := &ebb.LayerVersion{
		LayerKey: p.LayerKey, Code: code, Description: p.Description, License: p.License,
		Runtimes: p.Runtimes, Architectures: p.Architectures, CreatedAt: f.now(),
	}
	err = f.store.Tx(ctx, func(tx *store.Tx) (err error) {
		if l.Number, err = tx.NextLayerNumber(p.LayerKey); err != nil {
			return err
		}
		return tx.InsertLayerVersion(l)
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

func checkLayer(p *PublishLayer) error {
	switch {
	case !p.Service.Valid():
		return invalid("service: %q is not a service id", p.Service)
	case utf8.RuneCountInString(p.License) > maxLicense || !utf8.ValidString(p.License):
		return invalid("LicenseInfo: longer than %d characters, or not UTF-8", maxLicense)
	case len(p.Runtimes) > maxLayerRuntimes:
		return invalid("CompatibleRuntimes: %d are more than %d", len(p.Runtimes), maxLayerRuntimes)
	case len(p.Architectures) > maxLayerArchitecures:
		return invalid("CompatibleArchitectures: %d are more than %d", len(p.Architectures), maxLayerArchitecures)
	}
	for _, r := range p.Runtimes {
		if !runtimeRE.MatchString(r) || len(r) > ebb.MaxRuntimeID {
			return invalid("CompatibleRuntimes: %.140q is not the identifier of a runtime", r)
		}
	}
	if err := checkDescription(p.Description); err != nil {
		return err
	}
	return checkOneSource("Content.", p.Zip, p.Object)
}

// LayerVersion returns one version of a layer, or NotFound.
func (f *Functions) LayerVersion(ctx context.Context, key ebb.LayerKey, number int64) (l *ebb.LayerVersion, err error) {
	if err := checkLayerNumber(number); err != nil {
		return nil, err
	}
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		l, err = tx.LayerVersion(key, number)
		return foundLayer(err)
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// LayerFilter chooses layer versions by what they say they are made for. "" is
// any.
type LayerFilter = store.LayerFilter

// ListLayerVersions returns up to max (at most MaxPage; 0 means that) versions of
// a layer, newest first, and the marker of the next page.
func (f *Functions) ListLayerVersions(ctx context.Context, key ebb.LayerKey, filter LayerFilter, marker string, max int) (ls []*ebb.LayerVersion, next string, err error) {
	before := int64(0)
	if marker != "" {
		if before, err = strconv.ParseInt(marker, 10, 64); err != nil || before < 1 {
			return nil, "", invalidMarker()
		}
	}
	return paged(ctx, f.store, max, func(tx *store.Tx, limit int) ([]*ebb.LayerVersion, error) {
		ls, err = tx.LayerVersions(key, filter, before, limit)
		return ls, err
	}, func(last *ebb.LayerVersion) string { return strconv.FormatInt(last.Number, 10) })
}

// ListLayers returns the newest version of up to max (at most MaxPage; 0 means
// that) layers of a service that filter lets through, by name, and the marker of
// the next page.
func (f *Functions) ListLayers(ctx context.Context, service ebb.ServiceID, filter LayerFilter, marker string, max int) (ls []*ebb.LayerVersion, next string, err error) {
	return paged(ctx, f.store, max, func(tx *store.Tx, limit int) (ls []*ebb.LayerVersion, err error) {
		return tx.Layers(service, filter, marker, limit)
	}, func(last *ebb.LayerVersion) string { return last.Name })
}

// DeleteLayerVersion removes one version of a layer. Versions of functions that
// have it keep it. One that is not there is no error, as in the Lambda API.
func (f *Functions) DeleteLayerVersion(ctx context.Context, key ebb.LayerKey, number int64) error {
	if err := checkLayerNumber(number); err != nil {
		return err
	}
	return f.store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteLayerVersion(key, number); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return nil
	})
}

// AddLayerPermission adds a statement to the policy of a layer version. It
// returns the statement as the policy shows it, and the policy's new revision.
func (f *Functions) AddLayerPermission(ctx context.Context, key ebb.LayerKey, number int64, s ebb.Permission, revision string) (statement, next string, err error) {
	if err := checkPermission(&s); err != nil {
		return "", "", err
	}
	resource := ebb.LayerARN(f.cfg.Region, key, number)
	err = f.editLayerPolicy(ctx, key, number, func(p *ebb.ResourcePolicy) (*ebb.ResourcePolicy, error) {
		p, err := withPermission(p, s, revision, resource, "GetLayerPolicy")
		if err == nil {
			next = p.RevisionID
		}
		return p, err
	})
	if err != nil {
		return "", "", err
	}
	return renderStatement(&s, resource), next, nil
}

// RemoveLayerPermission takes a statement out of the policy of a layer version.
func (f *Functions) RemoveLayerPermission(ctx context.Context, key ebb.LayerKey, number int64, id, revision string) error {
	return f.editLayerPolicy(ctx, key, number, func(p *ebb.ResourcePolicy) (*ebb.ResourcePolicy, error) {
		if p == nil {
			return nil, foundPolicy(store.ErrNotFound)
		}
		return withoutPermission(p, id, revision, "GetLayerPolicy")
	})
}

func (f *Functions) editLayerPolicy(ctx context.Context, key ebb.LayerKey, number int64, edit func(*ebb.ResourcePolicy) (*ebb.ResourcePolicy, error)) error {
	if err := checkLayerNumber(number); err != nil {
		return err
	}
	return f.store.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LayerVersion(key, number); err != nil {
			return f.foundLayerVersion(err, key, number)
		}
		p, err := tx.LayerPolicy(key, number)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if p, err = edit(p); err != nil {
			return err
		}
		return tx.SetLayerPolicy(key, number, p)
	})
}

// LayerPolicy returns the policy of a layer version, or NotFound.
func (f *Functions) LayerPolicy(ctx context.Context, key ebb.LayerKey, number int64) (p *ebb.ResourcePolicy, err error) {
	if err := checkLayerNumber(number); err != nil {
		return nil, err
	}
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		if _, err = tx.LayerVersion(key, number); err != nil {
			return f.foundLayerVersion(err, key, number)
		}
		p, err = tx.LayerPolicy(key, number)
		return foundPolicy(err)
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// LayerPermitted returns nil if the policy of a layer version lets c read it, and
// AccessDeniedException if not.
func (f *Functions) LayerPermitted(ctx context.Context, key ebb.LayerKey, number int64, c Caller) error {
	return f.store.Read(ctx, func(tx *store.Tx) error { return f.layerPermitted(tx, key, number, c) })
}

func (f *Functions) layerPermitted(tx *store.Tx, key ebb.LayerKey, number int64, c Caller) error {
	p, err := tx.LayerPolicy(key, number)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if !Permits(p, ActionGetLayerVersion, c) {
		return denied(c, ActionGetLayerVersion, ebb.LayerARN(f.cfg.Region, key, number))
	}
	return nil
}

// layers finds the layer versions that a function of service names. Those of
// other services must have been opened to it.
func (f *Functions) layers(tx *store.Tx, service ebb.ServiceID, arns []string) ([]ebb.Layer, error) {
	if len(arns) == 0 {
		return nil, nil
	}
	if len(arns) > ebb.MaxLayers {
		return nil, invalid("Layers: Cannot reference more than %d layers.", ebb.MaxLayers)
	}
	if why := f.cfg.NoLayers; why != "" {
		return nil, ebb.Errorf(ebb.Unavailable, ebb.TypeSandboxUnavailable, "Layers: %s", why)
	}
	seen := make(map[string]string)
	var found []ebb.Layer
	for _, arn := range arns {
		ref, err := ebb.ParseLayerRef(arn)
		switch {
		case err != nil || ref.Number == 0 || ref.Service == "":
			return nil, invalid("Layers: %.140q is not the ARN of a layer version", arn)
		case ref.Region != f.cfg.Region:
			return nil, invalid("Layers: Layers from '%s' are not reachable in this region ('%s')", ref.Region, f.cfg.Region)
		}
		if other, twice := seen[ebb.LayerOf(arn)]; twice {
			return nil, invalid("Layers: Two different versions of the same layer are not allowed to be referenced "+
				"in the same function. %s and %s are versions of the same layer.", other, arn)
		}
		seen[ebb.LayerOf(arn)] = arn
		if ref.Service != service {
			if err := f.layerPermitted(tx, ref.LayerKey, ref.Number, Caller{Service: service, ARN: "arn:aws:iam::" + string(service) + ":root"}); err != nil {
				return nil, err
			}
		}
		l, err := tx.LayerVersion(ref.LayerKey, ref.Number)
		if errors.Is(err, store.ErrNotFound) {
			return nil, invalid("Layers: Layer version %s does not exist.", arn)
		}
		if err != nil {
			return nil, err
		}
		found = append(found, ebb.Layer{ARN: ebb.LayerARN(f.cfg.Region, l.LayerKey, l.Number), Code: l.Code})
	}
	return found, nil
}

// checkLayers checks before anything is changed that the layers are there and
// signed as they must be, and what they come to with the code.
func (f *Functions) checkLayers(ctx context.Context, service ebb.ServiceID, arns []string, code ebb.Digest, rules *codeRules) error {
	var layers []ebb.Layer
	err := f.store.Read(ctx, func(tx *store.Tx) (err error) {
		layers, err = f.layers(tx, service, arns)
		return err
	})
	if err == nil {
		err = f.checkSignedLayers(ctx, rules, layers)
	}
	if err != nil {
		return err
	}
	return f.checkUnpacked(ctx, code, layers)
}

// checkNewLayers is checkLayers for an update of $LATEST.
func (f *Functions) checkNewLayers(ctx context.Context, u *UpdateConfig) error {
	if len(u.Layers) == 0 {
		return nil
	}
	var latest *ebb.Version
	var rules *codeRules
	err := f.store.Read(ctx, func(tx *store.Tx) (err error) {
		if latest, err = f.latest(tx, u.FunctionKey, u.RevisionID); err != nil {
			return err
		}
		rules, err = f.rulesOf(tx, u.FunctionKey)
		return err
	})
	switch {
	case err != nil:
		return err
	case latest.IsImage():
		return invalid(msgImageNoLayers)
	}
	return f.checkLayers(ctx, u.Service, u.Layers, latest.Code.Digest, rules)
}

// checkUnpacked checks what a package and its layers come to, unpacked.
func (f *Functions) checkUnpacked(ctx context.Context, code ebb.Digest, layers []ebb.Layer) error {
	if len(layers) == 0 {
		return nil
	}
	limit, total := f.packages.Limits().MaxUnpacked, int64(0)
	digests := []ebb.Digest{code}
	for _, l := range layers {
		digests = append(digests, l.Code.Digest)
	}
	for _, d := range digests {
		n, err := f.packages.Unpacked(ctx, d)
		if err != nil {
			return fmt.Errorf("size of the code with its layers: %w", err)
		}
		total += n
	}
	if total > limit {
		return invalid("Function code combined with layers exceeds the maximum allowed size of %d bytes. The actual size is %d bytes.",
			limit, total)
	}
	return nil
}

func sameLayers(a, b *ebb.Version) bool { return slices.Equal(a.Layers, b.Layers) }

func checkLayerNumber(number int64) error {
	if number < 1 {
		return invalid("Layer Version Cannot be less than 1")
	}
	return nil
}

func foundLayer(err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "The resource you requested does not exist.")
}

func (f *Functions) foundLayerVersion(err error, key ebb.LayerKey, number int64) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound,
		"Layer version %s does not exist.", ebb.LayerARN(f.cfg.Region, key, number))
}
