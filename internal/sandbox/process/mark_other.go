//go:build !linux

package process

import (
	"context"
	"os"
	"syscall"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

// hasMarks tells that other processes' environment cannot be read here.
const hasMarks = false

func sysProcAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

func hideInherited() error { return nil }

func limit(int, sandbox.Limits) {}

func killMarked(context.Context, string, func(string) bool) error { return nil }

func usageOf(int) sandbox.Usage { return sandbox.Usage{} }

// peakOf is not known: the unit of ru_maxrss differs between systems.
func peakOf(*os.ProcessState) int64 { return 0 }
