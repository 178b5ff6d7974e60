package artifact

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
)

func benchZip(b *testing.B, files, size int) []byte {
	var items []item
	for i := range files {
		items = append(items, item{name: fmt.Sprintf("pkg%d/mod%d.py", i%20, i), body: random(size/2) + string(make([]byte, size/2))})
	}
	return makeZip(b, items...)
}

func BenchmarkPut(b *testing.B) {
	for _, c := range []struct{ files, size int }{{1, 2 << 10}, {1000, 10 << 10}, {4, 10 << 20}} {
		z := benchZip(b, c.files, c.size)
		// A comment at the end, counted up, makes each package a new one.
		comment := len(z)
		z = append(z, make([]byte, 8)...)
		binary.LittleEndian.PutUint16(z[comment-2:], 8)
		b.Run(fmt.Sprintf("files=%d/bytes=%d", c.files, c.size), func(b *testing.B) {
			s := openStore(b, Config{})
			b.SetBytes(int64(c.files * c.size))
			n := uint64(0)
			for b.Loop() {
				n++
				binary.LittleEndian.PutUint64(z[comment:], n)
				put(b, s, z)
			}
		})
	}
}

func BenchmarkPutAgain(b *testing.B) {
	s := openStore(b, Config{})
	z := benchZip(b, 100, 10<<10)
	put(b, s, z)
	b.SetBytes(int64(len(z)))
	for b.Loop() {
		if _, err := s.Put(b.Context(), bytes.NewReader(z)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDir(b *testing.B) {
	s := openStore(b, Config{})
	code := put(b, s, benchZip(b, 1, 100))
	for b.Loop() {
		if _, err := s.Dir(b.Context(), code.Digest); err != nil {
			b.Fatal(err)
		}
	}
}
