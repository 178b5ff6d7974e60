//go:build linux

package linux

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/sandbox"
)

// Check makes one box in a temporary directory inside dir, runs a program in it
// and removes all again. So it tells what this host, this user and this build
// can do, without disturbing an ebb that uses dir. If dir does not exist yet the
// system's temporary directory stands for it. The error says why there can be no
// box at all; what is merely weaker is in Level.Missing.
func Check(dir string) (level sandbox.Level, err error) {
	if os.Geteuid() != 0 {
		return level, unavailable("linux sandbox: ebb does not run as root")
	}
	if _, err := os.Stat(dir); err != nil {
		dir = ""
	}
	scratch, err := os.MkdirTemp(dir, "check-")
	if err != nil {
		return level, unavailable("linux sandbox: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	ctx := context.Background()
	d, err := Open(ctx, Config{Dir: scratch, TmpMB: minTmpMB, TmpPool: 1, Ahead: -1}, slog.New(slog.DiscardHandler))
	if err != nil {
		return level, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	box, err := d.Create(ctx, sandbox.Spec{ID: "check", Limits: sandbox.Limits{TmpMB: minTmpMB}})
	if err != nil {
		return level, err
	}
	defer box.Destroy()
	// The shell is the one program that every host has.
	err = box.Start(ctx, sandbox.Process{Argv: []string{"/bin/sh", "-c", "exit 7"}, Dir: "/tmp"})
	if err != nil {
		return level, err
	}
	defer func() { _ = box.Output().Close() }()
	<-box.Done()
	if exit := box.Exit(); exit.Code != 7 {
		return level, ebb.Errorf(ebb.Unavailable, ebb.TypeSandboxUnavailable,
			"linux sandbox: a program in a box ended with %+v instead of code 7", exit)
	}
	return d.Level(), nil
}
