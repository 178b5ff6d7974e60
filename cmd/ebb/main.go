package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/ebb-faas/ebb/internal/sandbox/rootless"
)

func main() {
	if err := rootless.Resume(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "ebb:", err)
		os.Exit(exitPlatform)
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is one call of the program; it returns the exit code. The first interrupt
// asks it to stop, the second ends it at once.
func run(args []string, in io.Reader, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	a := &app{in: in, out: out, errs: errs}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	return a.finish(root.ExecuteContext(ctx))
}
