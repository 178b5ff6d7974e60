package runtimeapi

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/ebb-faas/ebb/internal/ebb"
)

var writeBuffers = sync.Pool{New: func() any { b := make([]byte, 0, writeSize); return &b }}

// send writes one frame, of no invocation, with one system call.
func (s *Framed) send(typ frameType, head, payload []byte) error {
	h := header{body: uint32(len(head) + len(payload)), typ: typ, head: uint16(len(head))}
	p := writeBuffers.Get().(*[]byte)
	defer writeBuffers.Put(p)
	b := append(h.append((*p)[:0]), head...)
	*p = b[:0]
	return s.write(b, payload)
}

// sendInvoke writes the invoke frame.
func (s *Framed) sendInvoke(c *Call) error {
	p := writeBuffers.Get().(*[]byte)
	defer writeBuffers.Put(p)
	b, err := s.appendInvoke((*p)[:0], c, s.current.stream)
	if err != nil {
		return err
	}
	*p = b[:0]
	return s.write(b, c.Payload)
}

// appendInvoke appends the invoke frame of c, all but its payload. Its head is
// text, so that a bootstrap splits it without a JSON parser: id, deadline, ARN,
// trace, client context.
func (s *Framed) appendInvoke(b []byte, c *Call, stream uint32) ([]byte, error) {
	if int64(len(c.Payload)) > 1<<31 {
		return nil, errors.New("payload does not fit a frame")
	}
	b = append(b, make([]byte, headerSize)...)
	b = append(b, c.ID...)
	b = append(b, '\n')
	if !c.Deadline.IsZero() {
		b = strconv.AppendInt(b, c.Deadline.UnixMilli(), 10)
	}
	b = append(b, '\n')
	if c.ARN != s.arn {
		b = append(b, c.ARN...)
	}
	b = append(b, '\n')
	if !strings.Contains(c.TraceID, "\n") {
		b = append(b, c.TraceID...)
	}
	b = append(b, '\n')
	b = append(b, c.ClientContext...)
	head := len(b) - headerSize
	if head > maxHead {
		return nil, errors.New("client context does not fit a frame")
	}
	h := header{body: uint32(head + len(c.Payload)), typ: frameInvoke, head: uint16(head), stream: stream}
	h.append(b[:0])
	return b, nil
}

// write sends b and payload: small ones as one buffer, large ones with writev.
// b is a pooled buffer with room behind it.
func (s *Framed) write(b, payload []byte) error {
	if len(b)+len(payload) <= writeSize {
		_, err := s.conn.Write(append(b, payload...))
		return err
	}
	bufs := net.Buffers{b, payload}
	_, err := bufs.WriteTo(s.conn)
	return err
}

// line hands a log frame on.
func (s *Framed) line(h header) error {
	b, err := s.in.all(int64(h.body))
	if err != nil {
		return err
	}
	var request ebb.InvocationID
	switch {
	case h.stream == 0:
	case s.sh != nil:
		request = s.sh.request(h.stream)
	case h.stream == s.current.stream:
		request = s.current.id
	case h.stream == s.prior.stream:
		request = s.prior.id
	}
	s.opt.Log(request, level(b[:h.head]), b[h.head:])
	return nil
}

// level is string(b), without an allocation for the usual ones.
func level(b []byte) string {
	switch string(b) {
	case "":
		return ""
	case "TRACE":
		return "TRACE"
	case "DEBUG":
		return "DEBUG"
	case "INFO":
		return "INFO"
	case "WARN":
		return "WARN"
	case "ERROR":
		return "ERROR"
	case "FATAL":
		return "FATAL"
	}
	return string(b)
}

// document reads the body of an error frame into memory of its own.
func document(in frameBody, h header) (errorType string, document []byte, err error) {
	b, err := in.all(int64(h.body))
	if err != nil {
		return "", nil, err
	}
	return plain(string(b[:h.head])), append([]byte(nil), b[h.head:]...), nil
}
