package runtimeapi

import (
	"context"
	"net"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Framed is the conversation over a framed socket (docs/runtime-api.md).
type Framed struct {
	conn net.Conn
	opt  Options
}

// NewFramed makes the session that speaks over conn, and owns conn from now on.
func NewFramed(conn net.Conn, opt Options) *Framed {
	return &Framed{conn: conn, opt: opt.withDefaults()}
}

func (s *Framed) Ready(ctx context.Context, init Init) (*Failure, error) { return nil, ErrClosed }
func (s *Framed) Invoke(ctx context.Context, c *Call, sink ebb.Sink) (Outcome, error) {
	return Outcome{}, ErrClosed
}
func (s *Framed) Close() error { return s.conn.Close() }
