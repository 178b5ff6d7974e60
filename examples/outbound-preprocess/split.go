package outbound

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// chunk is some consecutive lines of the call list, as the file has them.
type chunk struct {
	index int
	first int // number of its first line; the header is line 1
	lines []byte
}

// split cuts a call list into chunks of size lines and gives them to yield, in
// the order of the file. Lines are told apart by their bytes alone: whether they
// are text is for the function to say. The header line is left out.
func split(r io.Reader, size int, yield func(chunk) error) error {
	in := bufio.NewReaderSize(r, 1<<20)
	header, err := in.ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !strings.HasPrefix(strings.TrimPrefix(string(header), "\ufeff"), "record_id,") {
		return errors.New("line 1: this is not a call list: the header record_id,… is missing")
	}
	c := chunk{first: 2}
	count := 0
	for {
		line, err := in.ReadSlice('\n')
		c.lines = append(c.lines, line...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue // a very long line: its rest comes with the next reads
		}
		end := errors.Is(err, io.EOF)
		if err != nil && !end {
			return err
		}
		if len(line) > 0 {
			count++
		}
		if count == size || end && len(c.lines) > 0 {
			if err := yield(c); err != nil {
				return err
			}
			c = chunk{index: c.index + 1, first: c.first + count, lines: make([]byte, 0, cap(c.lines))}
			count = 0
		}
		if end {
			return nil
		}
	}
}

// lineCount is the number of lines in a chunk, the last of which may lack its
// line end.
func lineCount(lines []byte) int {
	n := bytes.Count(lines, []byte{'\n'})
	if len(lines) > 0 && lines[len(lines)-1] != '\n' {
		n++
	}
	return n
}
