package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// LogQuery says which lines of a function's or a workflow's log are wanted. Zero values do not
// restrict.
type LogQuery struct {
	Function string    // name
	Workflow string    // name, instead of a function's: what its logging asks for
	Since    time.Time // not before
	Until    time.Time // before
	Request  string    // of one invocation, by its request id
	Contains string    // text that must occur
	Limit    int       // the newest so many lines
	Follow   bool      // go on with new lines until the context ends
}

// LogLine is one line of a function's log.
type LogLine struct {
	Time     time.Time `json:"time"`
	Kind     string    `json:"kind"`  // function, platform or extension
	Level    string    `json:"level"` // TRACE to FATAL, "" = none given
	Request  string    `json:"request"`
	Version  string    `json:"version"`
	Instance string    `json:"instance"`
	Text     string    `json:"text"`
}

// Logs calls each with the lines asked for, oldest first, until there are no
// more, each fails, or the context ends (whose error it then returns).
func (c *Client) Logs(ctx context.Context, q LogQuery, each func(LogLine) error) error {
	path := "/v1/functions/" + url.PathEscape(q.Function) + "/logs"
	if q.Workflow != "" {
		path = "/v1/workflows/" + url.PathEscape(q.Workflow) + "/logs"
	}
	resp, err := c.send(ctx, http.MethodGet, path, q.values(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewReaderSize(resp.Body, 64<<10)
	for {
		text, err := lines.ReadBytes('\n')
		if len(text) > 1 {
			var l LogLine
			if jerr := json.Unmarshal(text, &l); jerr != nil {
				if err != nil && !errors.Is(err, io.EOF) {
					return c.unreachable(ctx, err) // cut off in the middle of a line
				}
				return fmt.Errorf("client: a log line that is not JSON: %w", jerr)
			}
			if err := each(l); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return c.unreachable(ctx, err)
		}
	}
}

// values spells the query as the API reads it.
func (q LogQuery) values() url.Values {
	v := url.Values{}
	if !q.Since.IsZero() {
		v.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	if !q.Until.IsZero() {
		v.Set("until", q.Until.UTC().Format(time.RFC3339Nano))
	}
	if q.Request != "" {
		v.Set("request", q.Request)
	}
	if q.Contains != "" {
		v.Set("contains", q.Contains)
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Follow {
		v.Set("follow", "true")
	}
	return v
}
