package function_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"io"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/signature"
)

// signer is the n-th of some publishers' keys.
func signer(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func signed(t *testing.T, zip []byte, n byte, until time.Time) []byte {
	t.Helper()
	return must2(signature.Sign(zip, signer(n), until))(t)
}

func (f *fixture) publisher(name string, n byte) string {
	f.t.Helper()
	p := must2(f.AddPublisher(f.t.Context(), ebb.DefaultService, name, signer(n).Public().(ed25519.PublicKey)))(f.t)
	return ebb.PublisherARN("us-east-1", p)
}

func (f *fixture) signing(enforce bool, publishers ...string) string {
	f.t.Helper()
	c := must2(f.PutCodeSigning(f.t.Context(), function.CodeSigning{Service: ebb.DefaultService, Publishers: publishers, Enforce: &enforce}))(f.t)
	return c.ID
}

// tampered is a package with the signature of another.
func tampered(t *testing.T, n byte) []byte {
	t.Helper()
	plain, was := zipped("good"), zipped("evil")
	z := signed(t, plain, n, time.Time{})
	return append(bytes.Clone(was[:len(was)-2]), z[len(plain)-2:]...)
}

// With Enforce, code comes in only if an allowed publisher signed just that.
func TestSigningEnforced(t *testing.T) {
	var warned []error
	f := open(t, function.Config{Unverified: func(_ ebb.FunctionKey, err error) { warned = append(warned, err) }})
	ci, other := f.publisher("ci", 1), f.publisher("other", 2)
	id := f.signing(true, ci)
	good := signed(t, zipped("good"), 1, time.Time{})
	past, future := time.UnixMilli(1_780_000_000_000), time.UnixMilli(1_800_000_000_000)
	refusals := []struct {
		zip     []byte
		typ     string
		message string
	}{
		{zipped("unsigned"), ebb.TypeCodeVerification, "the package is not signed"},
		{signed(t, zipped("x"), 2, time.Time{}), ebb.TypeCodeVerification, "which is no allowed publisher's"},
		{signed(t, zipped("x"), 1, past), ebb.TypeCodeVerification, "was valid until 2026-05-28"},
		{tampered(t, 1), ebb.TypeInvalidCodeSignature, "is not what was signed"},
		{tampered(t, 2), ebb.TypeInvalidCodeSignature, "is not what was signed"},
	}
	for _, r := range refusals {
		c := f.create("f")
		c.CodeSigning, c.Zip = id, r.zip
		_, err := f.Functions.Create(t.Context(), c)
		refused(t, err, ebb.Invalid, r.typ, r.message)
	}
	_, _, err := f.Functions.Get(t.Context(), key("f"), "")
	notFound(t, err)
	c := f.create("f")
	c.CodeSigning, c.Zip = id, good
	must2(f.Functions.Create(t.Context(), c))(t)
	for _, r := range refusals {
		for _, dry := range []bool{true, false} {
			_, err := f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("f"), Zip: r.zip, DryRun: dry})
			refused(t, err, ebb.Invalid, r.typ, r.message)
		}
	}
	for _, z := range [][]byte{
		signed(t, zipped("two"), 1, future), signed(t, signed(t, zipped("three"), 2, time.Time{}), 1, time.Time{}),
	} {
		v := must2(f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("f"), Zip: z}))(t)
		same(t, v.Code.Size, int64(len(z)))
	}
	// The key is changed over: from the next deploy on the new one counts.
	must2(f.PutCodeSigning(t.Context(), function.CodeSigning{Service: ebb.DefaultService, ID: id, Publishers: []string{other}}))(t)
	_, err = f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("f"), Zip: good})
	refused(t, err, ebb.Invalid, ebb.TypeCodeVerification, "no allowed publisher's")
	fromOther := signed(t, zipped("by other"), 2, time.Time{})
	must2(f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("f"), Zip: fromOther}))(t)
	// A publisher that is taken away is not trusted from then on.
	if err := f.RemovePublisher(t.Context(), ebb.DefaultService, "other", ""); err != nil {
		t.Fatal(err)
	}
	_, err = f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("f"), Zip: signed(t, zipped("again"), 2, time.Time{})})
	refused(t, err, ebb.Invalid, ebb.TypeCodeVerification, "no allowed publisher's")
	// Without a configuration anything goes.
	if err := f.SignCode(t.Context(), key("f"), ""); err != nil {
		t.Fatal(err)
	}
	must2(f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("f"), Zip: tampered(t, 1)}))(t)
	same(t, len(warned), 0)
}

// What is refused is not stored either.
func TestRefusedCodeIsNotStored(t *testing.T) {
	f := open(t, function.Config{})
	c := f.create("f")
	c.CodeSigning = f.signing(true, f.publisher("ci", 1))
	_, err := f.Functions.Create(t.Context(), c)
	refused(t, err, ebb.Invalid, ebb.TypeCodeVerification, "not signed")
	same(t, f.packages.Stored(), int64(0))
}

// With Warn code comes in, but it is told; what was tampered with does not.
func TestSigningWarns(t *testing.T) {
	var warned []error
	f := open(t, function.Config{Unverified: func(k ebb.FunctionKey, err error) {
		same(t, k, key("f"))
		warned = append(warned, err)
	}})
	c := f.create("f")
	c.CodeSigning = f.signing(false, f.publisher("ci", 1))
	must2(f.Functions.Create(t.Context(), c))(t)
	same(t, len(warned), 1)
	refused(t, warned[0], ebb.Invalid, ebb.TypeCodeVerification, "the package is not signed")
	must2(f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("f"), Zip: signed(t, zipped("x"), 2, time.Time{})}))(t)
	same(t, len(warned), 2)
	must2(f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("f"), Zip: signed(t, zipped("x"), 1, time.Time{})}))(t)
	same(t, len(warned), 2)
	_, err := f.UpdateCode(t.Context(), function.UpdateCode{FunctionKey: key("f"), Zip: tampered(t, 1)})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidCodeSignature, "is not what was signed")
}

// Layers of a function must be signed as its own code is.
func TestSigningOfLayers(t *testing.T) {
	f := open(t, function.Config{})
	id := f.signing(true, f.publisher("ci", 1))
	publish := func(name string, zip []byte) string {
		return layerARN(must2(f.PublishLayer(t.Context(), function.PublishLayer{LayerKey: layerKey(name), Zip: zip}))(t))
	}
	plain := publish("plain", zipped("layer"))
	good := publish("good", signed(t, zipped("layer"), 1, time.Time{}))
	changed := publish("changed", tampered(t, 1))
	c := f.create("f")
	c.CodeSigning, c.Zip, c.Layers = id, signed(t, zipped("code"), 1, time.Time{}), []string{good, plain}
	_, err := f.Functions.Create(t.Context(), c)
	refused(t, err, ebb.Invalid, ebb.TypeCodeVerification, "layer "+plain+" is not signed")
	c.Layers = []string{good}
	must2(f.Functions.Create(t.Context(), c))(t)
	_, err = f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Layers: []string{plain}})
	refused(t, err, ebb.Invalid, ebb.TypeCodeVerification, "layer "+plain+" is not signed")
	_, err = f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Layers: []string{changed}})
	refused(t, err, ebb.Invalid, ebb.TypeInvalidCodeSignature, "layer "+changed)
	must2(f.UpdateConfig(t.Context(), function.UpdateConfig{FunctionKey: key("f"), Layers: []string{}}))(t)
}

// A package from the object store is held to the same.
func TestSigningFromObjectStore(t *testing.T) {
	z := zipped("unsigned")
	f := open(t, function.Config{Objects: func(context.Context, ebb.ServiceID, string, string, string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(z)), nil
	}})
	c := f.create("f")
	c.CodeSigning, c.Zip, c.Object = f.signing(true, f.publisher("ci", 1)), nil, &function.Object{Bucket: "b", Key: "k"}
	_, err := f.Functions.Create(t.Context(), c)
	refused(t, err, ebb.Invalid, ebb.TypeCodeVerification, "not signed")
	z = signed(t, z, 1, time.Time{})
	must2(f.Functions.Create(t.Context(), c))(t)
}

func TestSigningRefusals(t *testing.T) {
	f := open(t, function.Config{})
	ci := f.publisher("ci", 1)
	same(t, f.publisher("ci", 1), ci)
	f.publisher("ci", 2)
	same(t, len(flat(walk(t, func(m string) ([]*ebb.Publisher, string, error) {
		return f.Publishers(t.Context(), ebb.DefaultService, m, 1)
	}))), 2)
	must2(f.CreateService(t.Context(), function.ServiceChange{ID: otherService, Name: new("other")}))(t)
	foreign := must2(f.AddPublisher(t.Context(), otherService, "ci", signer(1).Public().(ed25519.PublicKey)))(t)
	for _, arns := range [][]string{nil, {}, {"x"}, {ci, ebb.PublisherARN("us-east-1", foreign)}, {ebb.PublisherARN("eu-west-1", foreign)}, {ci[:len(ci)-10] + "aaaaaaaaaa"}} {
		_, err := f.PutCodeSigning(t.Context(), function.CodeSigning{Service: ebb.DefaultService, Publishers: arns})
		refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "AllowedPublishers.SigningProfileVersionArns")
	}
	_, err := f.AddPublisher(t.Context(), ebb.DefaultService, "c i", signer(1).Public().(ed25519.PublicKey))
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "name: ")
	_, err = f.AddPublisher(t.Context(), ebb.DefaultService, "ci", []byte("short"))
	refused(t, err, ebb.Invalid, ebb.TypeInvalidParameterValue, "publicKey: ")
	notFound(t, f.RemovePublisher(t.Context(), ebb.DefaultService, "ci", "none"))
	c := f.create("f")
	c.CodeSigning = "csc-none"
	_, err = f.Functions.Create(t.Context(), c)
	refused(t, err, ebb.NotFound, ebb.TypeCodeSigningNotFound, "csc-none")
	f.mustCreate("f")
	refused(t, f.SignCode(t.Context(), key("f"), "csc-none"), ebb.NotFound, ebb.TypeCodeSigningNotFound, "csc-none")
	id := f.signing(true, ci)
	notFound(t, f.SignCode(t.Context(), key("none"), id))
	if err := f.SignCode(t.Context(), key("f"), id); err != nil {
		t.Fatal(err)
	}
	refused(t, f.DeleteCodeSigning(t.Context(), ebb.DefaultService, id), ebb.Conflict, ebb.TypeResourceConflict, "functions have it, f among them")
	if err := f.Functions.Delete(t.Context(), key("f"), ""); err != nil {
		t.Fatal(err)
	}
	if err := f.DeleteCodeSigning(t.Context(), ebb.DefaultService, id); err != nil {
		t.Fatal(err)
	}
	notFound(t, f.DeleteCodeSigning(t.Context(), ebb.DefaultService, id))
}

// An inspection stops a package before it is unpacked.
func TestInspectionComesFirst(t *testing.T) {
	f := open(t, function.Config{})
	want := ebb.Errorf(ebb.Invalid, "X", "no")
	_, err := f.packages.Put(t.Context(), bytes.NewReader([]byte("no zip")), artifact.Inspection(func(zip io.ReaderAt, size int64) error {
		same(t, size, int64(6))
		return want
	}))
	refused(t, err, ebb.Invalid, "X", "no")
}
