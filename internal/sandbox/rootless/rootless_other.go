//go:build !linux

package rootless

import (
	"context"
	"errors"
	"os"
)

// Needed is false: namespaces are Linux's.
func Needed() bool { return false }

// Outer is 0: there is no second process.
func Outer() int { return 0 }

// Run fails.
func Run() (*os.ProcessState, error) { return nil, errors.New("user namespaces: this is not Linux") }

// Resume does nothing.
func Resume() error { return nil }

// Accept does nothing.
func Accept(error, context.CancelFunc) {}

// EndAs ends this process as another one did.
func EndAs(state *os.ProcessState) { os.Exit(state.ExitCode()) }
