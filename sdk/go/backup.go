package client

import (
	"context"
	"io"
	"net/http"
)

// Backup writes a consistent archive of the whole platform (a zstd-compressed
// tar) to w while the platform goes on working, and returns its size in bytes.
// An archive is whole only if the error is nil.
func (c *Client) Backup(ctx context.Context, w io.Writer) (int64, error) {
	resp, err := c.send(ctx, http.MethodPost, "/v1/backup", nil, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	from := &answerReader{r: resp.Body}
	n, err := io.Copy(w, from)
	if from.err != nil {
		return n, c.unreachable(ctx, from.err)
	}
	return n, err
}

// answerReader remembers an error of reading, to tell it from one of writing.
type answerReader struct {
	r   io.Reader
	err error
}

func (a *answerReader) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if err != nil && err != io.EOF {
		a.err = err
	}
	return n, err
}
