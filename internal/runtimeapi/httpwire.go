package runtimeapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	usualHead  = 4 << 10
	largeHead  = 64 << 10 // beyond, a connection needs leave: see httpConn.enlarge
	maxReqHead = 2 << 20  // an X-Ray error cause is a header of up to 1 MB
	maxFields  = 100
	maxLine    = 4 << 10 // of a chunk's size
)

// badRequest is why a request cannot be served; the connection ends with it.
type badRequest struct {
	status int
	why    string
}

func (b *badRequest) Error() string { return b.why }

func bad(format string, args ...any) error {
	return &badRequest{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// request is one request. It reads as its body.
type request struct {
	method, path string
	header       fields
	trailer      fields // after the body of chunks has ended
	length       int64  // of the body; -1 = in chunks
	close        bool   // the client wants the connection closed

	c      *httpConn
	left   int64 // of the body, or of the current chunk
	inside bool  // a chunk was begun
	ended  bool
	expect bool // the client waits to be told to send the body
}

// fields are header fields in the order in which they came.
type fields []field

type field struct{ name, value string }

// get returns the first value of a field, "" without one.
func (f fields) get(name string) string {
	for i := range f {
		if strings.EqualFold(f[i].name, name) {
			return f[i].value
		}
	}
	return ""
}

// lists reports whether one of the values of a field names what.
func (f fields) lists(name, what string) bool {
	for i := range f {
		if !strings.EqualFold(f[i].name, name) {
			continue
		}
		for part := range strings.SplitSeq(f[i].value, ",") {
			if strings.EqualFold(strings.TrimSpace(part), what) {
				return true
			}
		}
	}
	return false
}

// wireReader is what comes in on a connection.
type wireReader struct {
	src     net.Conn
	enlarge func() error // asked before more than largeHead is kept; nil = it may
	buf     []byte
	r, w    int // buf[r:w] is unread
}

// large asks before size bytes are kept.
func (i *wireReader) large(size int) error {
	if size <= largeHead || i.enlarge == nil {
		return nil
	}
	return i.enlarge()
}

// more reads what is there, and makes room for it up to limit bytes unread.
func (i *wireReader) more(limit int) error {
	switch {
	case i.r == i.w:
		if i.r, i.w = 0, 0; cap(i.buf) != usualHead {
			i.buf = make([]byte, usualHead)
		}
	case i.w-i.r >= limit:
		return &badRequest{http.StatusRequestHeaderFieldsTooLarge, "the head of the request is too large"}
	case i.w < len(i.buf):
	case i.r > 0:
		i.w = copy(i.buf, i.buf[i.r:i.w])
		i.r = 0
	default:
		if err := i.large(2 * len(i.buf)); err != nil {
			return err
		}
		i.buf = append(i.buf, make([]byte, len(i.buf))...)
	}
	n, err := i.src.Read(i.buf[i.w:])
	i.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// head reads a request up to its body. Waiting for it to begin takes as long as
// it takes; then it must be there within limit.
func (i *wireReader) head(limit time.Duration) (*request, error) {
	timed := false
	for seen := 0; ; {
		for i.w > i.r && seen == 0 && (i.buf[i.r] == '\r' || i.buf[i.r] == '\n') {
			i.r++ // an empty line before a request, as some clients send
		}
		unread := i.buf[i.r:i.w]
		if end := bytes.Index(unread[max(0, seen-3):], crlf2); end >= 0 {
			end += max(0, seen-3)
			i.r += end + len(crlf2)
			if timed {
				_ = i.src.SetReadDeadline(time.Time{}) // fails only on a closed connection
			}
			return parseRequest(string(unread[:end]))
		}
		seen = len(unread)
		if seen > 0 && !timed {
			timed = true
			_ = i.src.SetReadDeadline(time.Now().Add(limit))
		}
		if err := i.more(maxReqHead); err != nil {
			return nil, err
		}
	}
}

var crlf2 = []byte("\r\n\r\n")

// parseRequest reads a head without its empty line.
func parseRequest(head string) (*request, error) {
	line, rest, _ := strings.Cut(head, "\r\n")
	method, target, ok := strings.Cut(line, " ")
	target, version, ok2 := strings.Cut(target, " ")
	if !ok || !ok2 || !isToken(method) || target == "" || strings.Contains(version, " ") {
		return nil, bad("malformed request line")
	}
	r := &request{method: method}
	switch version {
	case "HTTP/1.1":
	case "HTTP/1.0":
		r.close = true
	default:
		return nil, &badRequest{http.StatusHTTPVersionNotSupported, "only HTTP/1.1 is spoken here"}
	}
	if !strings.HasPrefix(target, "/") { // an absolute form
		_, target, _ = strings.Cut(target, "://")
		slash := strings.IndexByte(target, '/')
		if slash < 0 {
			return nil, bad("malformed request target")
		}
		target = target[slash:]
	}
	r.path, _, _ = strings.Cut(target, "?")
	var err error
	if r.header, err = parseFields(rest); err != nil {
		return nil, err
	}
	return r, r.frame()
}

// parseFields reads header fields, a line each.
func parseFields(text string) (fields, error) {
	all := make(fields, 0, 8)
	for text != "" {
		line, rest, _ := strings.Cut(text, "\r\n")
		text = rest
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) {
			return nil, bad("malformed header field")
		}
		value = strings.Trim(value, " \t")
		if strings.ContainsAny(value, "\r\n\x00") {
			return nil, bad("malformed value of header field %s", name)
		}
		if len(all) == maxFields {
			return nil, &badRequest{http.StatusRequestHeaderFieldsTooLarge, "too many header fields"}
		}
		all = append(all, field{name, value})
	}
	return all, nil
}

// isToken reports whether s is a method or the name of a field.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// frame finds out where the body ends. Whatever could be read in two ways is
// refused.
func (r *request) frame() error {
	chunked, sized := false, false
	for _, f := range r.header {
		switch {
		case strings.EqualFold(f.name, "Transfer-Encoding"):
			if chunked || !strings.EqualFold(f.value, "chunked") {
				return &badRequest{http.StatusNotImplemented, "only chunked is understood as Transfer-Encoding"}
			}
			chunked = true
		case strings.EqualFold(f.name, "Content-Length"):
			n, err := strconv.ParseUint(f.value, 10, 62)
			if err != nil || f.value[0] == '+' || sized && int64(n) != r.length {
				return bad("malformed Content-Length")
			}
			sized, r.length = true, int64(n)
		case strings.EqualFold(f.name, "Connection"):
			r.close = r.close || fields{f}.lists("Connection", "close")
		case strings.EqualFold(f.name, "Expect"):
			if !strings.EqualFold(f.value, "100-continue") {
				return &badRequest{http.StatusExpectationFailed, "unknown expectation"}
			}
			r.expect = true
		}
	}
	if chunked && sized {
		return bad("both Transfer-Encoding and Content-Length")
	}
	if r.left = r.length; chunked {
		r.length, r.left = -1, 0
	}
	r.ended = r.length == 0
	return nil
}

// Read reads the body.
func (r *request) Read(p []byte) (int, error) {
	if r.ended {
		return 0, io.EOF
	}
	if r.expect {
		r.expect = false
		r.c.write([]byte("HTTP/1.1 100 Continue\r\n\r\n"), nil, time.Now().Add(replyTime))
	}
	if r.length < 0 && r.left == 0 {
		if err := r.chunk(); err != nil {
			return 0, err
		}
		if r.ended {
			return 0, io.EOF
		}
	}
	n, err := r.c.in.read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if r.left == 0 && r.length >= 0 {
		r.ended = true
	}
	return n, err
}

// read takes what is buffered, or reads past the buffer.
func (i *wireReader) read(p []byte) (n int, err error) {
	if i.r < i.w {
		n = copy(p, i.buf[i.r:i.w])
		i.r += n
		return n, nil
	}
	if n, err = i.src.Read(p); n > 0 {
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// line reads up to a line's end. The result does not have it.
func (i *wireReader) line(limit int) (string, error) {
	for {
		if end := bytes.IndexByte(i.buf[i.r:i.w], '\n'); end >= 0 {
			line := string(i.buf[i.r : i.r+end])
			i.r += end + 1
			return strings.TrimSuffix(line, "\r"), nil
		}
		if err := i.more(limit); err != nil {
			return "", cutOff(err)
		}
	}
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// chunk begins the next chunk, or ends the body and reads its trailers.
func (r *request) chunk() error {
	in := &r.c.in
	if r.inside {
		if line, err := in.line(maxLine); err != nil || line != "" {
			return errors.Join(bad("malformed end of a chunk"), err)
		}
	}
	line, err := in.line(maxLine)
	if err != nil {
		return err
	}
	size, _, _ := strings.Cut(line, ";")
	n, err := strconv.ParseUint(strings.TrimSpace(size), 16, 62)
	if err != nil {
		return bad("malformed size of a chunk")
	}
	if r.left, r.inside = int64(n), true; n > 0 {
		return nil
	}
	for room := maxReqHead; ; {
		line, err := in.line(room)
		if err != nil {
			return err
		}
		if line == "" {
			r.ended = true
			return nil
		}
		one, err := parseFields(line)
		room -= len(line)
		if err := in.large(maxReqHead - room); err != nil {
			return err
		}
		if err != nil || room <= 0 || len(r.trailer) == maxFields {
			return errors.Join(bad("malformed trailers"), err)
		}
		r.trailer = append(r.trailer, one...)
	}
}

// discard reads the rest of the body, if it is not much.
func (r *request) discard(most int64) error {
	switch {
	case r.ended:
		return nil
	case r.expect: // and was never told to send it
		return bad("the body was not wanted")
	case r.left > most:
		return bad("the body is too long to be dropped")
	}
	_ = r.c.conn.SetReadDeadline(time.Now().Add(replyTime))
	if n, err := io.CopyN(io.Discard, r, most+1); !errors.Is(err, io.EOF) {
		return errors.Join(bad("%d bytes were not enough", n), err)
	}
	return r.c.conn.SetReadDeadline(time.Time{})
}
