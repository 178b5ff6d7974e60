package pool

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxLine is where a line without an end is cut. It is the log store's limit too.
const maxLine = 256 << 10

// output splits what a process writes to its standard output and error into
// lines, and gives each to line on whatever goroutine read it.
//
// Reading happens under mu only, so that drain can promise that everything the
// process wrote before it answered has been given to line.
type output struct {
	file *os.File
	raw  syscall.RawConn
	line func([]byte)

	mu      sync.Mutex
	buf     []byte
	partial []byte // the line that has begun and not ended
}

// newOutput takes over file, the read end of a pipe in non-blocking mode.
func newOutput(file *os.File, line func([]byte)) (*output, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &output{file: file, raw: raw, line: line, buf: make([]byte, 16<<10)}, nil
}

// run reads until every writer is gone.
func (o *output) run() {
	defer func() { _ = o.file.Close() }()
	for {
		if o.raw.Read(readable) != nil || o.consume() != nil {
			break
		}
	}
	o.mu.Lock()
	o.flush()
	o.mu.Unlock()
}

// readable reports whether there is something to read from fd, or its end, so
// that RawConn.Read waits without taking anything.
func readable(fd uintptr) bool {
	set := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(set[:], 0)
	return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
}

// drain gives every line written so far to line, an unfinished one included.
func (o *output) drain() {
	_ = o.consume()
	o.mu.Lock()
	o.flush()
	o.mu.Unlock()
}

// consume reads what is there without waiting. It returns io.EOF at the end.
func (o *output) consume() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var n int
	var err error
	for {
		cerr := o.raw.Control(func(fd uintptr) { n, err = syscall.Read(int(fd), o.buf) })
		switch {
		case cerr != nil:
			return cerr
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return nil
		case err != nil:
			return err
		case n <= 0:
			return io.EOF
		}
		o.split(o.buf[:n])
	}
}

// split cuts b into lines. o.mu is held.
func (o *output) split(b []byte) {
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			o.partial = append(o.partial, b...)
			if len(o.partial) >= maxLine {
				o.flush()
			}
			return
		}
		if len(o.partial) > 0 {
			o.partial = append(o.partial, b[:end]...)
			o.flush()
		} else {
			o.line(b[:end])
		}
		b = b[end+1:]
	}
}

// flush ends the unfinished line. o.mu is held.
func (o *output) flush() {
	if len(o.partial) > 0 {
		o.line(o.partial)
		o.partial = o.partial[:0]
	}
}
