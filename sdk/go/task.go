package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Task is one asynchronous invocation and what became of it.
type Task struct {
	ID        string     `json:"id"`      // chosen by the caller, or the request id
	Request   string     `json:"request"` // id of the invocation, as it stands in the function's log
	Function  string     `json:"function"`
	Qualifier string     `json:"qualifier,omitempty"`
	State     string     `json:"state"` // Queued, Running, Retrying, Succeeded, Failed or Stopped
	Accepted  time.Time  `json:"accepted"`
	Ended     *time.Time `json:"ended,omitempty"`
	Next      *time.Time `json:"next,omitempty"`   // when it is tried (again)
	Reason    string     `json:"reason,omitempty"` // why it failed or was stopped
	Attempts  []Attempt  `json:"attempts"`         // the last ones, oldest first
}

// Attempt is one try of a task.
type Attempt struct {
	At       time.Time `json:"at"`
	Duration float64   `json:"duration"` // seconds
	Version  string    `json:"version,omitempty"`
	Outcome  string    `json:"outcome"` // ok, function-error, throttled, platform-error or refused
	Error    string    `json:"error,omitempty"`
	Message  string    `json:"message,omitempty"`
}

// TaskFilter chooses tasks, or deliveries; what is empty does not matter.
type TaskFilter struct {
	Function string // name or ARN
	State    string
	Prefix   string // of the id
}

// Tasks calls each with up to limit tasks (0 = all), the newest ids first.
func (c *Client) Tasks(ctx context.Context, f TaskFilter, limit int, each func(Task) error) error {
	return c.limited(f, limit, func(query url.Values) (int, string, error) {
		var page struct {
			Tasks []Task `json:"tasks"`
			Next  string `json:"next"`
		}
		if err := c.get(ctx, "/v1/tasks", query, &page); err != nil {
			return 0, "", err
		}
		return len(page.Tasks), page.Next, eachOf(page.Tasks, each)
	})
}

// limited calls read with the query of one page after another until there were
// limit items (0 = all); read says how many it found and what comes next.
func (c *Client) limited(f TaskFilter, limit int, read func(url.Values) (n int, next string, err error)) error {
	const most = 1000
	query := url.Values{}
	for name, value := range map[string]string{"function": f.Function, "state": f.State, "prefix": f.Prefix} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for left := limit; limit == 0 || left > 0; {
		query.Set("limit", strconv.Itoa(most))
		if limit > 0 {
			query.Set("limit", strconv.Itoa(min(left, most)))
		}
		n, next, err := read(query)
		if err != nil || next == "" {
			return err
		}
		left -= n
		query.Set("next", next)
	}
	return nil
}

// eachOf calls each with every item until it fails.
func eachOf[T any](items []T, each func(T) error) error {
	for _, item := range items {
		if err := each(item); err != nil {
			return err
		}
	}
	return nil
}

// Task returns one task.
func (c *Client) Task(ctx context.Context, id string) (*Task, error) {
	return c.task(ctx, http.MethodGet, id, "")
}

// StopTask stops a task that is not over.
func (c *Client) StopTask(ctx context.Context, id string) (*Task, error) {
	return c.task(ctx, http.MethodPost, id, "/stop")
}

// RedriveTask has a failed task tried as if it were new.
func (c *Client) RedriveTask(ctx context.Context, id string) (*Task, error) {
	return c.task(ctx, http.MethodPost, id, "/redrive")
}

// TaskResult is what the function answered, JSON.
func (c *Client) TaskResult(ctx context.Context, id string) (json.RawMessage, error) {
	var result json.RawMessage
	err := c.get(ctx, "/v1/tasks/"+url.PathEscape(id)+"/result", nil, &result)
	return result, err
}

func (c *Client) task(ctx context.Context, method, id, what string) (*Task, error) {
	return one[Task](c, ctx, method, "/v1/tasks/"+url.PathEscape(id)+what, nil, nil)
}
