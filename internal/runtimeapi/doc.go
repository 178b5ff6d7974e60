// Package runtimeapi is what ebb and a process inside a box say to each other.
//
// It owns two conversations behind one interface, Session: the framed socket of
// the managed runtimes (Framed; the frames are in docs/runtime-api.md) and the
// Lambda Runtime API over HTTP for everybody else (HTTP). It knows no language.
//
// Beside the runtime there may be extensions, which are told of invocations and of
// the end, and of telemetry if they want (Extensions; docs/extensions.md). They
// share the listener of HTTP, or have one of their own.
//
// The walk enters at Session.Ready, Session.Invoke and Session.Hook, called by pool, and
// leaves at the Sink that Invoke was given. What the runtime says about a
// request (log lines) leaves through Options.Log.
//
// A process that is an HTTP server (Web) gets requests as they are. webhead.go
// writes their heads straight from what came, webtrip.go sends one and reads what
// comes back, webpass.go and webupgrade.go pass that on, webwire.go keeps the
// connections. A request that the server may have seen is never sent again.
//
// Authority: a session is authoritative on which invocation the runtime works
// on and on whether its answer has begun. Whether the process lives is the box's
// knowledge: a session that is idle does not notice a death.
//
// Invariants:
//
//  1. A session has at most as many invocations in flight as it was made for,
//     one unless Init or WebOptions say more; another Invoke is an error, not a
//     queue.
//  2. An answer is accepted once, for an invocation in flight, and never after
//     Invoke has returned. A caller who takes it slowly holds up nobody else.
//  3. Nothing the other side sends makes the session allocate more than the
//     limits in Options, block beyond the deadline, or panic.
//  4. An error from Invoke ends the session: the bytes on the wire can no longer
//     be trusted, or an invocation was given up, and the caller must kill the
//     instance; where others are in flight, when they have returned. A failed
//     function is an Outcome, never an error.
//  5. When Invoke returns, the sink is not called again.
//  6. What an extension does not take costs a bounded amount of memory, and no
//     invocation waits for telemetry.
//
// A crash of ebb closes the socket and the listener; bootstraps end when they
// see it, and the box ends anyway. A crash of the process ends the conversation:
// Ready or Invoke returns an error that wraps io.EOF or the socket's own error.
package runtimeapi
