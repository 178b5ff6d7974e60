//go:build !linux

package server

import (
	"context"
	"errors"
	"log/slog"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

func openLinux(context.Context, Config, *slog.Logger) (sandbox.Driver, error) {
	return nil, errors.New("this system is not Linux")
}
