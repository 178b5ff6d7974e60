package function

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/signature"
	"github.com/ebb-faas/ebb/internal/store"
)

const msgImageNoSigning = "CodeSigningConfigArn: Code signing is not supported for functions created with container images."

// codeRules is whose signature the code of a function must have. nil asks for none.
type codeRules struct {
	function ebb.FunctionKey
	config   *ebb.CodeSigningConfig
	keys     map[string]bool // of its publishers that are there
}

// codeRules reads the rules of the configuration with this id, "" = no rules.
func (f *Functions) codeRules(tx *store.Tx, key ebb.FunctionKey, id string) (*codeRules, error) {
	if id == "" {
		return nil, nil
	}
	c, err := tx.CodeSigningConfig(key.Service, id)
	if err != nil {
		return nil, foundForFunction(err, id)
	}
	rules := &codeRules{function: key, config: c, keys: make(map[string]bool)}
	for _, arn := range c.Publishers {
		_, p, _ := ebb.ParsePublisherARN(arn)
		found, err := tx.Publisher(key.Service, p.Name, p.Version)
		if errors.Is(err, store.ErrNotFound) {
			continue // taken away: its signatures do not count
		}
		if err != nil {
			return nil, err
		}
		rules.keys[string(found.PublicKey)] = true
	}
	return rules, nil
}

// rulesOf reads the rules of a function that is there.
func (f *Functions) rulesOf(tx *store.Tx, key ebb.FunctionKey) (*codeRules, error) {
	id, err := tx.FunctionCodeSigning(key)
	if err != nil {
		return nil, err
	}
	return f.codeRules(tx, key, id)
}

// inspections is what a package of the function must pass.
func (f *Functions) inspections(r *codeRules) []artifact.Inspection {
	if r == nil {
		return nil
	}
	return []artifact.Inspection{func(zip io.ReaderAt, size int64) error { return f.checkSigned(r, "the package", zip, size) }}
}

// checkSignedLayers checks the signatures of layers that a function is to have.
func (f *Functions) checkSignedLayers(ctx context.Context, r *codeRules, layers []ebb.Layer) error {
	if r == nil {
		return nil
	}
	for _, l := range layers {
		zip, size, err := f.packages.Zip(ctx, l.Code.Digest)
		if err != nil {
			return fmt.Errorf("signature of layer %s: %w", l.ARN, err)
		}
		at, ok := zip.(io.ReaderAt)
		if !ok {
			return errors.Join(fmt.Errorf("layer %s cannot be read twice", l.ARN), zip.Close())
		}
		if err := errors.Join(f.checkSigned(r, "layer "+l.ARN, at, size), zip.Close()); err != nil {
			return err
		}
	}
	return nil
}

// checkSigned refuses a zip that is not signed as the rules say, or has that
// noted where they only warn. One whose signature is of other content is always
// refused.
func (f *Functions) checkSigned(r *codeRules, what string, zip io.ReaderAt, size int64) error {
	s, err := signature.Read(zip, size)
	switch {
	case errors.Is(err, signature.ErrNotZip):
		return nil // for unpacking to refuse: it finds the end where signatures are looked for
	case errors.Is(err, signature.ErrTampered):
		return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidCodeSignature,
			"The code signature failed the integrity check: %s of function %s is not what was signed (%v).", what, r.function.Name, err)
	case err != nil:
		return err
	}
	why := f.untrusted(r, s)
	if why == "" {
		return nil
	}
	err = ebb.Errorf(ebb.Invalid, ebb.TypeCodeVerification,
		"Lambda cannot deploy the function. The function or layer might be signed using a signature that the client is not "+
			"configured to accept. Check the provided signature for %s: %s %s.", r.function.Name, what, why)
	if r.config.Enforce {
		return err
	}
	if f.cfg.Unverified != nil {
		f.cfg.Unverified(r.function, err)
	}
	return nil
}

// untrusted says why none of a zip's signatures counts, "" = one does.
func (f *Functions) untrusted(r *codeRules, s *signature.Signed) string {
	if len(s.Signatures) == 0 {
		return "is not signed"
	}
	var why []string
	for i := range s.Signatures {
		g := &s.Signatures[i]
		switch {
		case !r.keys[string(g.PublicKey)]:
			why = append(why, "is signed with key "+signature.KeyID(g.PublicKey)+", which is no allowed publisher's")
		case g.Expired(f.cfg.Now()):
			why = append(why, "has a signature that was valid until "+g.NotAfter.UTC().Format("2006-01-02T15:04:05Z"))
		default:
			return ""
		}
	}
	return strings.Join(why, "; ")
}
