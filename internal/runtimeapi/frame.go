package runtimeapi

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"
)

// frameType is the fifth byte of a frame.
type frameType uint8

// The frames, and who sends them. docs/runtime-api.md has their heads and
// payloads.
const (
	frameInit     frameType = iota + 1 // ebb: become an instance of this version
	frameReady                         // runtime: initialised, waiting for work
	frameInvoke                        // ebb: run this
	frameResponse                      // runtime: the whole answer
	frameChunk                         // runtime: a piece of a streamed answer
	frameEnd                           // runtime: the streamed answer is complete
	frameError                         // runtime: error document, of the stream or (stream 0) of init
	frameLog                           // runtime: one line
	framePing                          // ebb: are you there
	framePong                          // runtime: yes
	frameStop                          // ebb: end
	frameHook                          // ebb: run this hook
	frameDone                          // runtime: the hook has run
	frameWindow                        // ebb: so much more of a streamed answer may come
	frameTypes
)

// flagExit on an error frame: the process exits after it.
const flagExit = 1

const (
	headerSize = 12
	maxHead    = 1<<16 - 1
	maxPeer    = 4 << 10  // largest head that a runtime may send
	maxSmall   = 64 << 10 // largest body of ready and pong
	maxLog     = 1 << 20  // largest line
	maxFailure = 1 << 20  // largest error document of init, or of a stream that failed late
	readSize   = 64 << 10 // of pooled read buffers
	writeSize  = 16 << 10 // of pooled write buffers; larger payloads are sent beside it
)

// header is the fixed part of a frame.
//
//	0       4    5     6     8        12
//	| body  |type|flags| head| stream | head bytes | payload bytes |
//
// All numbers are big-endian. body counts head and payload.
type header struct {
	body   uint32
	typ    frameType
	flags  uint8
	head   uint16
	stream uint32
}

// payload is the number of payload bytes.
func (h header) payload() int64 { return int64(h.body) - int64(h.head) }

func (h header) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, h.body)
	b = append(b, byte(h.typ), h.flags)
	b = binary.BigEndian.AppendUint16(b, h.head)
	return binary.BigEndian.AppendUint32(b, h.stream)
}

// parseHeader reads the first headerSize bytes of b, and refuses what no runtime
// may send whatever the state of the conversation.
func parseHeader(b []byte) (header, error) {
	h := header{
		body:   binary.BigEndian.Uint32(b),
		typ:    frameType(b[4]),
		flags:  b[5],
		head:   binary.BigEndian.Uint16(b[6:]),
		stream: binary.BigEndian.Uint32(b[8:]),
	}
	limit := int64(1)<<32 - 1
	switch h.typ {
	case frameReady, framePong:
		limit = maxSmall
	case frameLog:
		limit = maxLog
	case frameEnd, frameDone:
		limit = 0
	case frameResponse, frameChunk, frameError:
	default:
		return h, fmt.Errorf("%w: frame of type %d", ErrProtocol, h.typ)
	}
	switch {
	case h.payload() < 0:
		return h, fmt.Errorf("%w: head of %d bytes in a body of %d", ErrProtocol, h.head, h.body)
	case h.head > maxPeer:
		return h, fmt.Errorf("%w: head of %d bytes", ErrProtocol, h.head)
	case h.payload() > limit:
		return h, fmt.Errorf("%w: frame of type %d with %d bytes", ErrProtocol, h.typ, h.body)
	}
	return h, nil
}

// frameBody is where the head and payload of a frame are taken from.
type frameBody interface {
	take(n int) ([]byte, error)
	piece(left int64) ([]byte, error)
	all(n int64) ([]byte, error)
	discard(n int64) error
}

var readBuffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// frameReader reads frames with few system calls: it takes what is there, and
// keeps what belongs to the next frame. It holds a buffer only while it has
// bytes in it, so that idle sessions cost nothing.
type frameReader struct {
	src  io.Reader
	buf  *[readSize]byte // nil when empty
	r, w int             // buf[r:w] is unread
}

// fill reads until n bytes are buffered. n is at most readSize.
func (f *frameReader) fill(n int) error {
	if f.w-f.r >= n {
		return nil
	}
	if f.buf == nil {
		f.buf = readBuffers.Get().(*[readSize]byte)
		f.r, f.w = 0, 0
	}
	if readSize-f.r < n {
		f.w = copy(f.buf[:], f.buf[f.r:f.w])
		f.r = 0
	}
	for f.w-f.r < n {
		got, err := f.src.Read(f.buf[f.w:])
		f.w += got
		if err != nil && f.w-f.r < n {
			return err
		}
	}
	return nil
}

// next reads the header of the next frame.
func (f *frameReader) next() (header, error) {
	if err := f.fill(headerSize); err != nil {
		return header{}, err
	}
	h, err := parseHeader(f.buf[f.r:])
	if err == nil {
		f.r += headerSize
	}
	return h, err
}

// whole reports whether the next frame is buffered completely.
func (f *frameReader) whole() bool {
	if f.w-f.r < headerSize {
		return false
	}
	return int64(f.w-f.r-headerSize) >= int64(binary.BigEndian.Uint32(f.buf[f.r:]))
}

// take returns the next n bytes, at most readSize. They are valid until the
// reader is used again.
func (f *frameReader) take(n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if err := f.fill(n); err != nil {
		return nil, err
	}
	b := f.buf[f.r : f.r+n]
	f.r += n
	return b, nil
}

// piece returns the next bytes of a body of which left remain: all of them if
// they fit the buffer, so that a usual answer is handed on in one piece, else
// what is there.
func (f *frameReader) piece(left int64) ([]byte, error) {
	if left <= readSize {
		return f.take(int(left))
	}
	if f.r == f.w {
		f.r, f.w = 0, 0
	}
	if err := f.fill(1); err != nil {
		return nil, err
	}
	return f.take(int(min(left, int64(f.w-f.r))))
}

// all returns the next n bytes, which the caller has checked against a limit. The
// result is valid until the reader is used again.
func (f *frameReader) all(n int64) ([]byte, error) {
	if n <= readSize {
		return f.take(int(n))
	}
	b := make([]byte, 0, n)
	for int64(len(b)) < n {
		p, err := f.piece(n - int64(len(b)))
		if err != nil {
			return nil, err
		}
		b = append(b, p...)
	}
	return b, nil
}

// discard reads n bytes away.
func (f *frameReader) discard(n int64) error {
	for n > 0 {
		p, err := f.piece(n)
		if err != nil {
			return err
		}
		n -= int64(len(p))
	}
	return nil
}

// rest gives the buffer back if nothing is in it.
func (f *frameReader) rest() {
	if f.buf != nil && f.r == f.w {
		f.release()
	}
}

// release gives the buffer back whatever is in it.
func (f *frameReader) release() {
	if f.buf != nil {
		readBuffers.Put(f.buf)
		f.buf, f.r, f.w = nil, 0, 0
	}
}
