package runtimeapi

import (
	"context"
	"net"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// HTTP is the conversation over the Lambda Runtime API.
type HTTP struct {
	l   net.Listener
	opt Options
}

// NewHTTP makes the session that serves the Runtime API on l, and owns l from
// now on. It serves from the first Ready.
func NewHTTP(l net.Listener, opt Options) *HTTP {
	return &HTTP{l: l, opt: opt.withDefaults()}
}

func (s *HTTP) Ready(ctx context.Context, init Init) (*Failure, error) { return nil, ErrClosed }
func (s *HTTP) Invoke(ctx context.Context, c *Call, sink ebb.Sink) (Outcome, error) {
	return Outcome{}, ErrClosed
}
func (s *HTTP) Close() error { return s.l.Close() }
