package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

var (
	// ErrTampered is a signature of other content than the zip has, or one that
	// cannot be read.
	ErrTampered = errors.New("the signature is not of this content")
	// ErrNotZip is a file that does not end as a zip does.
	ErrNotZip = errors.New("the file is no zip")
)

// MaxSignatures is how many a package may have.
const MaxSignatures = 20

// Signature is a key's word for the content of a package.
type Signature struct {
	PublicKey ed25519.PublicKey `json:"publicKey"`
	NotAfter  time.Time         `json:"notAfter,omitzero"` // whole seconds, UTC; zero = for ever
	Value     []byte            `json:"signature"`
}

// Expired reports whether the signature's time is over.
func (s *Signature) Expired(now time.Time) bool { return !s.NotAfter.IsZero() && now.After(s.NotAfter) }

// Signed is a zip's content and who signed it.
type Signed struct {
	Digest     [sha256.Size]byte // of everything but the comment
	Signatures []Signature       // none = it is not signed; all others are of this content
}

// comment is the comment of a signed zip.
type comment struct {
	Signatures []Signature `json:"ebbSignatures"`
}

// The end of a zip: its last record, of which the last two bytes are the length
// of the comment that follows.
const (
	endMark    = "PK\x05\x06"
	endLen     = 22
	maxComment = math.MaxUint16
)

// Read returns what is signed of a zip, and the signatures. Errors: ErrNotZip,
// ErrTampered, that of reading.
func Read(zip io.ReaderAt, size int64) (*Signed, error) {
	body, text, err := split(zip, size)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(zip, 0, body)); err != nil {
		return nil, err
	}
	s := &Signed{Digest: [sha256.Size]byte(sum.Sum(nil))}
	var c comment
	if !bytes.HasPrefix(text, []byte(`{"ebbSignatures":`)) {
		return s, nil
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	if len(c.Signatures) > MaxSignatures {
		return nil, fmt.Errorf("%w: there are more than %d", ErrTampered, MaxSignatures)
	}
	for i := range c.Signatures {
		if !s.of(&c.Signatures[i]) {
			return nil, fmt.Errorf("%w: that of key %s", ErrTampered, KeyID(c.Signatures[i].PublicKey))
		}
	}
	s.Signatures = c.Signatures
	return s, nil
}

// of reports whether a signature is of this content.
func (s *Signed) of(g *Signature) bool {
	return len(g.PublicKey) == ed25519.PublicKeySize && ed25519.Verify(g.PublicKey, Statement(s.Digest, g.NotAfter), g.Value)
}

// Statement is the text that is signed.
func Statement(digest [sha256.Size]byte, notAfter time.Time) []byte {
	text := "ebb package signature 1\nsha256 " + hex.EncodeToString(digest[:]) + "\n"
	if !notAfter.IsZero() {
		text += "not after " + notAfter.UTC().Format(time.RFC3339) + "\n"
	}
	return []byte(text)
}

// Sign returns the zip with a signature by key, until notAfter unless that is zero.
func Sign(zip []byte, key ed25519.PrivateKey, notAfter time.Time) ([]byte, error) {
	s, err := read(zip)
	if err != nil {
		return nil, err
	}
	notAfter = notAfter.UTC().Truncate(time.Second)
	return Attach(zip, Signature{
		PublicKey: key.Public().(ed25519.PublicKey), NotAfter: notAfter, Value: ed25519.Sign(key, Statement(s.Digest, notAfter)),
	})
}

// Attach returns the zip with a signature that was made elsewhere. It takes the
// place of the same key's; another comment that the zip had is gone. ErrTampered:
// the signature is not of this zip.
func Attach(zip []byte, g Signature) ([]byte, error) {
	s, err := read(zip)
	if err != nil {
		return nil, err
	}
	if !s.of(&g) {
		return nil, ErrTampered
	}
	c := comment{}
	for _, have := range s.Signatures {
		if !have.PublicKey.Equal(g.PublicKey) {
			c.Signatures = append(c.Signatures, have)
		}
	}
	if c.Signatures = append(c.Signatures, g); len(c.Signatures) > MaxSignatures {
		return nil, fmt.Errorf("a package has at most %d signatures", MaxSignatures)
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	body, _, err := split(bytes.NewReader(zip), int64(len(zip)))
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, body+2+int64(len(text))), zip[:body]...)
	return append(binary.LittleEndian.AppendUint16(out, uint16(len(text))), text...), nil
}

// read is Read for what is to be signed: signatures of other content are left
// behind.
func read(zip []byte) (*Signed, error) {
	s, err := Read(bytes.NewReader(zip), int64(len(zip)))
	if !errors.Is(err, ErrTampered) {
		return s, err
	}
	body, _, err := split(bytes.NewReader(zip), int64(len(zip)))
	if err != nil {
		return nil, err
	}
	return &Signed{Digest: sha256.Sum256(zip[:body])}, nil
}

// split finds where the comment's length stands in a zip, and the comment. The
// last mark counts, as it does for whoever unpacks; a file that goes on behind
// its comment has none.
func split(zip io.ReaderAt, size int64) (body int64, text []byte, err error) {
	from := max(0, size-endLen-maxComment)
	tail := make([]byte, size-from)
	if _, err := zip.ReadAt(tail, from); err != nil && !errors.Is(err, io.EOF) {
		return 0, nil, err
	}
	i := bytes.LastIndex(tail, []byte(endMark))
	if i < 0 || len(tail)-i < endLen {
		return 0, nil, ErrNotZip
	}
	text = tail[i+endLen:]
	if int(binary.LittleEndian.Uint16(tail[i+endLen-2:])) != len(text) {
		return 0, nil, ErrNotZip
	}
	return from + int64(i) + endLen - 2, text, nil
}
