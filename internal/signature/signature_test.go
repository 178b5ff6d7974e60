package signature_test

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// key is the n-th of some keys.
func key(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func public(n byte) ed25519.PublicKey { return key(n).Public().(ed25519.PublicKey) }

func zipped(t *testing.T, content, comment string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("app.py")
	if err == nil {
		_, err = io.WriteString(f, content)
	}
	if err == nil {
		err = w.SetComment(comment)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(t *testing.T, z []byte) *signature.Signed {
	t.Helper()
	s, err := signature.Read(bytes.NewReader(z), int64(len(z)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(t *testing.T, z []byte, n byte, until time.Time) []byte {
	t.Helper()
	z, err := signature.Sign(z, key(n), until)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// A signed zip is still that zip, and says who signed it.
func TestSign(t *testing.T) {
	until := time.Date(2027, 1, 2, 3, 4, 5, 600, time.UTC)
	for _, comment := range []string{"", "made by git archive"} {
		plain := zipped(t, "print(1)", comment)
		if got := read(t, plain).Signatures; len(got) != 0 {
			t.Fatalf("an unsigned zip has %d signatures", len(got))
		}
		once := sign(t, plain, 1, time.Time{})
		if !bytes.Equal(once, sign(t, plain, 1, time.Time{})) || !bytes.Equal(once, sign(t, once, 1, time.Time{})) {
			t.Fatal("the same key signed the same content in two ways")
		}
		both := sign(t, once, 2, until)
		got := read(t, both)
		if got.Digest != read(t, plain).Digest || len(got.Signatures) != 2 {
			t.Fatalf("signed by two: %+v", got)
		}
		if s := got.Signatures[0]; !s.PublicKey.Equal(public(1)) || s.Expired(until.AddDate(100, 0, 0)) {
			t.Fatalf("first signature %+v", s)
		}
		if s := got.Signatures[1]; !s.PublicKey.Equal(public(2)) || s.Expired(until.Truncate(time.Second)) || !s.Expired(until) {
			t.Fatalf("second signature %+v", s)
		}
		r, err := zip.NewReader(bytes.NewReader(both), int64(len(both)))
		if err != nil || len(r.File) != 1 || r.File[0].Name != "app.py" {
			t.Fatalf("unpacks to %v, %v", r, err)
		}
	}
}

// Whatever byte of a signed zip changes: it is not taken for the signed one.
func TestTampered(t *testing.T) {
	signed := sign(t, zipped(t, "print(1)", ""), 1, time.Time{})
	want := read(t, signed)
	for i := range signed {
		z := bytes.Clone(signed)
		z[i] ^= 0x20
		got, err := signature.Read(bytes.NewReader(z), int64(len(z)))
		if err == nil && len(got.Signatures) > 0 && bytes.Equal(z[:len(z)-300], signed[:len(z)-300]) && got.Digest == want.Digest {
			// In the comment a letter's case may be free, but never what is signed.
			if !got.Signatures[0].PublicKey.Equal(public(1)) {
				t.Fatalf("byte %d: signed by another", i)
			}
			continue
		}
		if err == nil && len(got.Signatures) > 0 {
			t.Fatalf("byte %d changed: still signed", i)
		}
	}
	other := zipped(t, "print(2)", "")
	moved := append(bytes.Clone(other[:len(other)-2]), signed[len(zipped(t, "print(1)", ""))-2:]...)
	if _, err := signature.Read(bytes.NewReader(moved), int64(len(moved))); !errors.Is(err, signature.ErrTampered) {
		t.Fatalf("the signature of other content: %v", err)
	}
	if got := read(t, sign(t, moved, 2, time.Time{})); len(got.Signatures) != 1 || !got.Signatures[0].PublicKey.Equal(public(2)) {
		t.Fatalf("signing what was tampered with kept the old signature: %+v", got.Signatures)
	}
	longer := append(bytes.Clone(signed), 'x')
	if _, err := signature.Read(bytes.NewReader(longer), int64(len(longer))); !errors.Is(err, signature.ErrNotZip) {
		t.Fatalf("a file that goes on: %v", err)
	}
	for _, text := range []string{"", "PK\x05\x06", "no zip at all, but more than an end record has"} {
		if _, err := signature.Read(bytes.NewReader([]byte(text)), int64(len(text))); !errors.Is(err, signature.ErrNotZip) {
			t.Fatalf("%q: %v", text, err)
		}
	}
	if _, err := signature.Attach(other, want.Signatures[0]); !errors.Is(err, signature.ErrTampered) {
		t.Fatalf("a signature of other content was attached: %v", err)
	}
}

func TestKeys(t *testing.T) {
	der, err := x509.MarshalPKCS8PrivateKey(key(1))
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if got, err := signature.ParsePrivateKey(private); err != nil || !got.Equal(key(1)) {
		t.Fatalf("private key: %v", err)
	}
	text, err := signature.MarshalPublicKey(public(1))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := signature.ParsePublicKey(text); err != nil || !got.Equal(public(1)) {
		t.Fatalf("public key: %v", err)
	}
	if _, err := signature.ParsePublicKey(private); err == nil {
		t.Fatal("a private key was taken for a public one")
	}
	if _, err := signature.ParsePrivateKey(text); err == nil {
		t.Fatal("a public key was taken for a private one")
	}
	if a, b := signature.KeyID(public(1)), signature.KeyID(public(2)); len(a) != 10 || a == b {
		t.Fatalf("ids %s and %s", a, b)
	}
}
