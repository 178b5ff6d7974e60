package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progress shows how far work has come: bars on a terminal, else one plain line
// when a part is done.
type progress struct {
	w    io.Writer
	bars *mpb.Progress // nil off a terminal
}

// step is one part of the work, measured in bytes.
type step struct {
	p   *progress
	bar *mpb.Bar
}

// newProgress shows on w. Call wait when all steps are done.
func newProgress(w io.Writer) *progress {
	p := &progress{w: w}
	if width(w) >= minWidth {
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(32))
	}
	return p
}

// minWidth is the narrowest terminal, in columns, on which a bar says anything.
const minWidth = 40

// width is that of a terminal; 0 for anything else, and for a terminal that does
// not know.
func width(w io.Writer) int {
	columns, _ := size(w)
	return columns
}

// size is that of a terminal; 0 for what is not known.
func size(w io.Writer) (columns, lines int) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, 0
	}
	columns, lines, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return columns, lines
}

// step begins a part of total bytes; 0 = unknown.
func (p *progress) step(name string, total int64) *step {
	s := &step{p: p}
	switch {
	case p.bars == nil:
	case total > 0:
		s.bar = p.bars.AddBar(total, mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.CountersKibiByte("% .1f / % .1f")))
	default:
		s.bar = p.bars.AddSpinner(0, mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.CurrentKibiByte("% .1f")))
	}
	return s
}

// add notes that n more bytes are done.
func (s *step) add(n int64) {
	if s.bar != nil {
		s.bar.IncrInt64(n)
	}
}

// end closes the step, complete or not.
func (s *step) end() {
	if s.bar != nil {
		s.bar.Abort(true)
		s.bar.Wait()
	}
}

// output is where text goes that stays, above the bars.
func (p *progress) output() io.Writer {
	if p.bars != nil {
		return p.bars
	}
	return p.w
}

// line writes a line that stays.
func (p *progress) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p.output(), format+"\n", args...)
}

// wait ends the display.
func (p *progress) wait() {
	if p.bars != nil {
		p.bars.Wait()
	}
}

// uploadKey is the context key of watchUpload.
type uploadKey struct{}

// watchUpload makes requests under the returned context report each part of
// their body as it is sent.
func watchUpload(ctx context.Context, sent func(n int64)) context.Context {
	return context.WithValue(ctx, uploadKey{}, sent)
}

// uploadTransport is the round tripper that does what watchUpload says.
type uploadTransport struct{ next *http.Transport }

// RoundTrip implements http.RoundTripper.
func (t *uploadTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	sent, ok := req.Context().Value(uploadKey{}).(func(int64))
	if ok && req.Body != nil {
		req = req.Clone(req.Context())
		req.Body = &watchedBody{ReadCloser: req.Body, sent: sent}
		req.GetBody = nil // a second sending would be counted again
	}
	return t.next.RoundTrip(req)
}

// CloseIdleConnections lets http.Client do so.
func (t *uploadTransport) CloseIdleConnections() { t.next.CloseIdleConnections() }

// watchedBody reports what is read of a request's body.
type watchedBody struct {
	io.ReadCloser
	sent func(int64)
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.sent(int64(n))
	return n, err
}

// watchedWriter reports what goes through it.
type watchedWriter struct {
	w       io.Writer
	written func(int64)
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.written(int64(n))
	return n, err
}
