package main

import (
	"context"

	"github.com/ebb-faas/ebb/internal/sandbox/linux"
	"github.com/ebb-faas/ebb/internal/sandbox/rootless"
)

// asRoot makes sure that what follows can isolate functions, as far as that is to
// be had: where it takes privileges that this user lacks, the program runs once
// more, as root of a user namespace, and asRoot does not return in this process.
// refused says why it goes on here without them. In the other process the context
// also ends when this one is asked to stop.
func asRoot(parent context.Context, check func() error) (ctx context.Context, refused error) {
	ctx, stop := context.WithCancel(parent)
	if rootless.Outer() != 0 {
		if refused = check(); refused == nil {
			rootless.Accept(nil, stop)
			return ctx, nil
		}
		rootless.Accept(refused, stop)
		<-ctx.Done() // the first process ends this one
		return ctx, ctx.Err()
	}
	context.AfterFunc(parent, stop)
	if !rootless.Needed() {
		return ctx, nil
	}
	state, refused := rootless.Run()
	if refused == nil {
		rootless.EndAs(state)
	}
	return ctx, refused
}

// boxable tells whether boxes can be made by this process.
func boxable(dir string) func() error {
	return func() error {
		_, err := linux.Check(dir)
		return err
	}
}
