package logs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// A frame is a header and a body: records, plain or compressed. Its header,
// little-endian:
//
//	 0 u32 magic         4 u8 codec    5 u8 flags   6 u16 zero
//	 8 u32 body length  12 u32 body length when plain
//	16 u32 records      20 u32 CRC-32C of the body
//	24 i64 first time   32 i64 last time
//	40 u32 zero         44 u32 CRC-32C of the 44 bytes before
const (
	frameHeader = 48
	frameMagic  = 0x314c4245 // EBL1

	codecPlain = 0
	codecZstd  = 1

	flagSorted = 1 // no record is older than the one before it

	// maxFrame is the largest body that is believed, plain or compressed.
	maxFrame = 64 << 20
)

var errDamaged = errors.New("damaged frame")

// castagnoli is the polynomial that processors have an instruction for.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli()) }

// extent is what an index knows about a stretch of records.
type extent struct {
	count    int
	min, max int64 // times, ns
	sorted   bool
}

// add counts one record more, at time t, after all others.
func (x *extent) add(t int64) {
	switch {
	case x.count == 0:
		x.min, x.max, x.sorted = t, t, true
	case t < x.max:
		x.sorted = false
		x.min = min(x.min, t)
	default:
		x.max = t
	}
	x.count++
}

// join counts the records of y after all others.
func (x *extent) join(y extent) {
	if x.count == 0 || y.count == 0 {
		if x.count == 0 {
			*x = y
		}
		return
	}
	x.sorted = x.sorted && y.sorted && x.max <= y.min
	x.min, x.max = min(x.min, y.min), max(x.max, y.max)
	x.count += y.count
}

// block is a stretch of whole frames in a file.
type block struct {
	extent
	off, size int64 // bytes
}

// putHeader fills the header that b begins with for the body that follows it.
func putHeader(b []byte, codec byte, plain int, x extent) {
	le := binary.LittleEndian
	clear(b[:frameHeader])
	le.PutUint32(b[0:], frameMagic)
	b[4] = codec
	if x.sorted {
		b[5] = flagSorted
	}
	body := b[frameHeader:]
	le.PutUint32(b[8:], uint32(len(body)))
	le.PutUint32(b[12:], uint32(plain))
	le.PutUint32(b[16:], uint32(x.count))
	le.PutUint32(b[20:], checksum(body))
	le.PutUint64(b[24:], uint64(x.min))
	le.PutUint64(b[32:], uint64(x.max))
	le.PutUint32(b[44:], checksum(b[:44]))
}

// frame is a parsed frame; body points into the bytes it was parsed from.
type frame struct {
	extent
	codec byte
	plain int
	body  []byte
}

// parseFrame reads the frame that b begins with and its whole length. Both
// checksums were right if ok.
func parseFrame(b []byte) (f frame, size int, ok bool) {
	le := binary.LittleEndian
	if len(b) < frameHeader || le.Uint32(b) != frameMagic || le.Uint32(b[44:]) != checksum(b[:44]) {
		return f, 0, false
	}
	n := le.Uint32(b[8:])
	if n > maxFrame || int(n) > len(b)-frameHeader {
		return f, 0, false
	}
	f.body = b[frameHeader : frameHeader+int(n)]
	if le.Uint32(b[20:]) != checksum(f.body) {
		return f, 0, false
	}
	f.codec, f.plain = b[4], int(le.Uint32(b[12:]))
	f.extent = extent{
		count: int(le.Uint32(b[16:])), sorted: b[5]&flagSorted != 0,
		min: int64(le.Uint64(b[24:])), max: int64(le.Uint64(b[32:])),
	}
	return f, frameHeader + int(n), true
}

// appendPlain appends the frame's records to dst.
func (f *frame) appendPlain(dst []byte, zr *zstd.Decoder) ([]byte, error) {
	if f.codec == codecPlain {
		return append(dst, f.body...), nil
	}
	if f.codec != codecZstd || f.plain > maxFrame {
		return dst, errDamaged
	}
	before := len(dst)
	out, err := zr.DecodeAll(f.body, dst)
	if err != nil || len(out)-before != f.plain {
		return dst, errDamaged
	}
	return out, nil
}

// readBlock returns the records of a block. Frames of it that are damaged are
// left out, with errDamaged beside what could be read.
func readBlock(f *os.File, bl block, buf, dst []byte, zr *zstd.Decoder) (stored, plain []byte, err error) {
	if int64(cap(buf)) < bl.size {
		buf = make([]byte, bl.size)
	}
	buf = buf[:bl.size]
	if n, err := f.ReadAt(buf, bl.off); err != nil && !errors.Is(err, io.EOF) {
		return buf, dst, err
	} else {
		buf = buf[:n]
	}
	rest, dst := buf, dst[:0]
	for len(rest) > 0 {
		fr, size, ok := parseFrame(rest)
		if ok {
			dst, err = fr.appendPlain(dst, zr)
		}
		if !ok || err != nil {
			return buf, dst, errDamaged
		}
		rest = rest[size:]
	}
	return buf, dst, nil
}

// scan finds the frames of a file by their headers. good is the length up to
// which they are whole; damaged says that there was something else between them.
func scan(b []byte, found func(bl block)) (good int64, damaged bool) {
	var magic [4]byte
	binary.LittleEndian.PutUint32(magic[:], frameMagic)
	off := 0
	for off < len(b) {
		f, size, ok := parseFrame(b[off:])
		if ok {
			damaged = damaged || int64(off) != good
			found(block{extent: f.extent, off: int64(off), size: int64(size)})
			off += size
			good = int64(off)
			continue
		}
		next := bytes.Index(b[off+1:], magic[:])
		if next < 0 {
			break
		}
		off += 1 + next
	}
	return good, damaged
}
