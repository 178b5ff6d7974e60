package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// What the noun methods answer besides success. They carry no names: the caller
// knows what it asked for and words the *ebb.Error.
var (
	// ErrNotFound: no such row.
	ErrNotFound = errors.New("store: not found")
	// ErrExists: a row with this key, or this unique value, is there already.
	ErrExists = errors.New("store: exists already")
	// ErrMissing: a row that this one must refer to is not there.
	ErrMissing = errors.New("store: the row referred to is missing")
	// ErrChanged: a compare-and-set found another revision than expected.
	ErrChanged = errors.New("store: changed meanwhile")
	// ErrOutcomeUnknown: the fn was handed over and may or may not have been
	// committed. It is in the chain of an *ebb.Error of kind Unavailable.
	ErrOutcomeUnknown = errors.New("store: outcome unknown")
)

// unavailable is the answer when the disk is full, I/O fails or the store closes.
func unavailable(cause error, format string, args ...any) *ebb.Error {
	return &ebb.Error{
		Kind:       ebb.Unavailable,
		Type:       ebb.TypeServiceUnavailable,
		Message:    fmt.Sprintf(format, args...),
		RetryAfter: time.Second,
		Cause:      cause,
	}
}

func broken(cause error, format string, args ...any) *ebb.Error {
	return &ebb.Error{
		Kind:    ebb.Internal,
		Type:    ebb.TypeDatabaseBroken,
		Message: fmt.Sprintf(format, args...),
		Cause:   cause,
	}
}

func errClosed() error { return unavailable(nil, "the database is closed") }

// errCancelled: the caller left before its fn began, so nothing happened.
func errCancelled(ctx context.Context) error {
	return unavailable(context.Cause(ctx), "cancelled while waiting for the database; nothing was changed")
}

func errUnknown(cause error) error {
	return unavailable(errors.Join(ErrOutcomeUnknown, cause),
		"it is not known whether the change was made; read before trying again")
}

// fault is what an engine's error means for the transaction it happened in.
type fault uint8

const (
	faultNone   fault = iota // not the engine's: the fn's own error
	faultCaller              // this statement was wrong or refused; the transaction stands
	faultFull                // no space: the transaction is lost, the connection is sound
	faultDisk                // I/O, memory, locks: the transaction is lost, a new connection may do
	faultBroken              // the database is damaged
	faultLost                // the connection is gone, and the transaction with it
	faultRetry               // concurrent transactions were in each other's way: try the whole fn again
)

// classified wraps an engine's error by what it means to callers. One that is
// worded already stays.
func (d *dialect) classified(err error) error {
	if _, ok := errors.AsType[*ebb.Error](err); ok {
		return err
	}
	switch d.fault(err) {
	case faultFull:
		return unavailable(err, "the disk of the database is full")
	case faultDisk:
		return unavailable(err, "the database cannot be reached or written")
	case faultBroken:
		return broken(err, "the database is damaged")
	case faultLost:
		return unavailable(err, "the connection to the database is gone; nothing was changed")
	case faultRetry:
		return unavailable(err, "too many changed the same at once; nothing was changed")
	default:
		return err
	}
}
