package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/signature"
)

// signOptions are the flags of sign.
type signOptions struct {
	key       string
	out       string
	valid     time.Duration
	until     string
	statement bool
	attach    string
	publicKey string
}

// signVerb signs packages.
func (a *app) signVerb() *cobra.Command {
	var opt signOptions
	cmd := &cobra.Command{
		Use:   "sign ZIP",
		Short: "Sign a package with a publisher's key, or show who signed it",
		Long: "Sign writes a signature into the comment at the end of a zip, whose files stay as they are.\n" +
			"A package may have signatures by several keys. Without --key it shows those that are there.\n\n" +
			"Where the key is in a vault or HSM, --statement prints the text to be signed (ed25519, not\n" +
			"hashed before), and --attach takes the signature, in base64.",
		Example: "  ebb sign hello.zip --key ci.pem --valid 8760h\n" +
			"  ebb sign hello.zip\n" +
			"  ebb sign hello.zip --statement > text && hsm-sign text > sig\n" +
			"  ebb sign hello.zip --attach sig --public-key ci.pub.pem",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, given []string) error { return a.sign(given[0], &opt) },
	}
	cmd.Flags().StringVar(&opt.key, "key", "", "sign with the private key in this PEM `FILE`")
	cmd.Flags().StringVar(&opt.out, "out", "", "write the signed package to `FILE` instead of replacing ZIP")
	cmd.Flags().DurationVar(&opt.valid, "valid", 0, "the signature counts for this `DURATION` from now (default for ever)")
	cmd.Flags().StringVar(&opt.until, "until", "", "the signature counts until this `TIME`, for example 2027-01-31T00:00:00Z")
	cmd.Flags().BoolVar(&opt.statement, "statement", false, "print the text to be signed elsewhere")
	cmd.Flags().StringVar(&opt.attach, "attach", "", "add the signature in `FILE`, made elsewhere, in base64")
	cmd.Flags().StringVar(&opt.publicKey, "public-key", "", "with --attach: PEM `FILE` of the public key")
	cmd.MarkFlagsMutuallyExclusive("key", "statement", "attach")
	cmd.MarkFlagsMutuallyExclusive("valid", "until")
	cmd.MarkFlagsRequiredTogether("attach", "public-key")
	return cmd
}

func (a *app) sign(path string, opt *signOptions) error {
	zip, err := os.ReadFile(path)
	if err != nil {
		return usagef("%w", err)
	}
	until, err := opt.notAfter()
	if err != nil {
		return err
	}
	var signed []byte
	switch {
	case opt.statement:
		s, err := signature.Read(bytes.NewReader(zip), int64(len(zip)))
		if err != nil {
			return usagef("%s: %w", path, err)
		}
		_, err = a.out.Write(signature.Statement(s.Digest, until))
		return err
	case opt.attach != "":
		var g *signature.Signature
		if g, err = opt.attached(until); err == nil {
			signed, err = signature.Attach(zip, *g)
		}
	case opt.key != "":
		var key ed25519.PrivateKey
		if key, err = signingKey(opt.key); err == nil {
			signed, err = signature.Sign(zip, key, until)
		}
	default:
		return a.printSignatures(path, zip)
	}
	if errors.Is(err, signature.ErrNotZip) || errors.Is(err, signature.ErrTampered) {
		return usagef("%s: %w", path, err)
	}
	if err != nil {
		return err
	}
	out := opt.out
	if out == "" {
		out = path
	}
	if err := replaceFile(out, signed); err != nil {
		return err
	}
	return a.printSignatures(out, signed)
}

// notAfter is when the signature stops counting; zero is never.
func (o *signOptions) notAfter() (time.Time, error) {
	switch {
	case o.valid < 0:
		return time.Time{}, usagef("--valid: %v is over already", o.valid)
	case o.valid > 0:
		return time.Now().Add(o.valid).UTC().Truncate(time.Second), nil
	case o.until == "":
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, o.until)
	if err != nil {
		return t, usagef("--until: %q is not a time such as 2027-01-31T00:00:00Z", o.until)
	}
	return t.UTC().Truncate(time.Second), nil
}

// attached reads a signature that was made elsewhere.
func (o *signOptions) attached(until time.Time) (*signature.Signature, error) {
	text, err := os.ReadFile(o.attach)
	if err != nil {
		return nil, usagef("--attach: %w", err)
	}
	value, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil || len(value) != ed25519.SignatureSize {
		return nil, usagef("--attach: %s is not the base64 of an ed25519 signature", o.attach)
	}
	pem, err := os.ReadFile(o.publicKey)
	if err != nil {
		return nil, usagef("--public-key: %w", err)
	}
	key, err := signature.ParsePublicKey(pem)
	if err != nil {
		return nil, usagef("--public-key: %s: %w", o.publicKey, err)
	}
	return &signature.Signature{PublicKey: key, NotAfter: until, Value: value}, nil
}

// signingKey reads a private key.
func signingKey(file string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, usagef("the signing key: %w", err)
	}
	key, err := signature.ParsePrivateKey(text)
	if err != nil {
		return nil, usagef("the signing key: %s: %w", file, err)
	}
	return key, nil
}

// replaceFile writes a file whole or not at all.
func replaceFile(path string, text []byte) error {
	tmp := path + ".tmp"
	err := os.WriteFile(tmp, text, 0o644)
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return nil
}

// shownSignature is one signature in the results of 'ebb sign'.
type shownSignature struct {
	Key      string     `json:"key"`
	NotAfter *time.Time `json:"notAfter,omitempty"`
}

func (a *app) printSignatures(path string, zip []byte) error {
	s, err := signature.Read(bytes.NewReader(zip), int64(len(zip)))
	if err != nil {
		return usagef("%s: %w", path, err)
	}
	all, rows := []shownSignature{}, [][]string{}
	for _, g := range s.Signatures {
		shown, until := shownSignature{Key: signature.KeyID(g.PublicKey)}, "ever"
		if !g.NotAfter.IsZero() {
			shown.NotAfter, until = &g.NotAfter, g.NotAfter.Local().Format(time.DateTime)
		}
		all = append(all, shown)
		rows = append(rows, []string{shown.Key, until})
	}
	if len(all) == 0 {
		return a.print(all, nil, [][]string{{path + " is not signed"}})
	}
	return a.print(all, []string{"KEY", "VALID FOR"}, rows)
}

// sign signs a package that was just made.
func (p *codePackage) sign(key ed25519.PrivateKey) error {
	if key == nil || p.image != "" {
		return nil
	}
	zip, err := signature.Sign(p.zip, key, time.Time{})
	if err != nil {
		return err
	}
	signed := newPackage(zip, p.files)
	p.zip, p.sha256 = signed.zip, signed.sha256
	return nil
}
