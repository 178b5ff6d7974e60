package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// A seal is: format 1, the data key wrapped by the master key, the value under
// the data key; each of the two is a nonce followed by what GCM made.
const (
	sealFormat = 1
	keySize    = 32
	nonceSize  = 12
	tagSize    = 16
	wrapSize   = nonceSize + keySize + tagSize
)

var errSeal = errors.New("secret: the sealed value is damaged, or belongs elsewhere")

// masterKey is one key that wraps data keys.
type masterKey struct {
	id   string // tells keys apart and reveals nothing
	aead cipher.AEAD
	raw  [keySize]byte
}

func newMasterKey(raw [keySize]byte) *masterKey {
	sum := sha256.Sum256(append([]byte("ebb master key id\x00"), raw[:]...))
	return &masterKey{id: hex.EncodeToString(sum[:8]), aead: gcm(raw[:]), raw: raw}
}

func gcm(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the size is ours
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// place names where a sealed value stands; a seal does not open elsewhere.
func place(parts ...string) []byte { return []byte(strings.Join(parts, "\x00")) }

// seal puts value under a fresh data key that m wraps.
func (m *masterKey) seal(at, value []byte) ebb.Sealed {
	var key [keySize]byte
	_, _ = rand.Read(key[:]) // documented never to fail
	blob := append(make([]byte, 0, 1+wrapSize+nonceSize+len(value)+tagSize), sealFormat)
	blob = encrypt(blob, m.aead, at, key[:])
	blob = encrypt(blob, gcm(key[:]), at, value)
	return ebb.Sealed{MasterID: m.id, Blob: blob}
}

// open is the reverse of seal.
func (m *masterKey) open(at []byte, s ebb.Sealed) ([]byte, error) {
	key, rest, err := m.dataKey(at, s)
	if err != nil {
		return nil, err
	}
	return decrypt(gcm(key), at, rest)
}

// rewrap puts the data key of s, which m wraps, under the master key to. The
// value itself is not touched.
func (m *masterKey) rewrap(to *masterKey, at []byte, s ebb.Sealed) (ebb.Sealed, error) {
	key, rest, err := m.dataKey(at, s)
	if err != nil {
		return s, err
	}
	blob := append(make([]byte, 0, len(s.Blob)), sealFormat)
	blob = encrypt(blob, to.aead, at, key)
	return ebb.Sealed{MasterID: to.id, Blob: append(blob, rest...)}, nil
}

func (m *masterKey) dataKey(at []byte, s ebb.Sealed) (key, rest []byte, err error) {
	if len(s.Blob) < 1+wrapSize || s.Blob[0] != sealFormat {
		return nil, nil, errSeal
	}
	key, err = decrypt(m.aead, at, s.Blob[1:1+wrapSize])
	return key, s.Blob[1+wrapSize:], err
}

func encrypt(dst []byte, aead cipher.AEAD, at, value []byte) []byte {
	var nonce [nonceSize]byte
	_, _ = rand.Read(nonce[:])
	dst = append(dst, nonce[:]...)
	return aead.Seal(dst, nonce[:], value, at)
}

func decrypt(aead cipher.AEAD, at, text []byte) ([]byte, error) {
	if len(text) < nonceSize+tagSize {
		return nil, errSeal
	}
	value, err := aead.Open(nil, text[:nonceSize], text[nonceSize:], at)
	if err != nil {
		return nil, errSeal
	}
	return value, nil
}
