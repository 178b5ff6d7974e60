package jsonata

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"math/rand/v2"

	"github.com/google/uuid"
)

// Hash returns the lower-case hexadecimal digest of a text, or "" when it does
// not know the algorithm: MD5, SHA-1, SHA-256, SHA-384 and SHA-512 are known.
func Hash(text, algorithm string) string {
	switch raw := []byte(text); algorithm {
	case "MD5":
		sum := md5.Sum(raw)
		return hex.EncodeToString(sum[:])
	case "SHA-1":
		sum := sha1.Sum(raw)
		return hex.EncodeToString(sum[:])
	case "SHA-256":
		sum := sha256.Sum256(raw)
		return hex.EncodeToString(sum[:])
	case "SHA-384":
		sum := sha512.Sum384(raw)
		return hex.EncodeToString(sum[:])
	case "SHA-512":
		sum := sha512.Sum512(raw)
		return hex.EncodeToString(sum[:])
	}
	return ""
}

// UUID returns a random (version 4) UUID made from a source of numbers.
func UUID(source *rand.Rand) string {
	var id uuid.UUID
	for i := 0; i < len(id); i += 8 {
		n := source.Uint64()
		for j := range 8 {
			id[i+j] = byte(n >> (8 * j))
		}
	}
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// JavaRandom is the linear congruential generator that java.util.Random
// documents; seeded functions of the States Language repeat its sequence.
type JavaRandom struct{ state int64 }

const javaMultiplier, javaMask = 0x5DEECE66D, 1<<48 - 1

// NewJavaRandom returns the generator with a seed.
func NewJavaRandom(seed int64) *JavaRandom {
	return &JavaRandom{state: (seed ^ javaMultiplier) & javaMask}
}

func (r *JavaRandom) next(bits uint) int32 {
	r.state = (r.state*javaMultiplier + 0xB) & javaMask
	return int32(r.state >> (48 - bits))
}

// Float64 returns a number from 0 up to but not including 1.
func (r *JavaRandom) Float64() float64 {
	high := int64(r.next(26)) << 27
	return float64(high+int64(r.next(27))) / (1 << 53)
}

// IntN returns a number from 0 up to but not including n, which is positive.
func (r *JavaRandom) IntN(n int32) int32 {
	if n&-n == n {
		return int32((int64(n) * int64(r.next(31))) >> 31)
	}
	for {
		bits := r.next(31)
		v := bits % n
		if bits-v+(n-1) >= 0 {
			return v
		}
	}
}
