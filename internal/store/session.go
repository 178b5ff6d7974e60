package store

import "context"

// session is one connection and what was prepared on it. It is used by one
// goroutine at a time. Every query text is a constant of this package, so what
// is prepared is as small as the source.
type session interface {
	// exec runs a statement without rows and returns how many rows it changed.
	exec(ctx context.Context, query string, args ...any) (int64, error)
	// rows calls each for every row.
	rows(ctx context.Context, query string, args []any, each func(scan func(...any) error) error) error
	// close gives the connection up for good.
	close() error
}
