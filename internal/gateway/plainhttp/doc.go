// Package plainhttp serves HTTP/1.1 connections on which one request comes after
// another, each of them and each answer whole in memory, which is what almost all
// of a function's callers send. It costs half of what net/http does: no goroutine
// beside the connection's own, no timer that is set for each request, one read and
// one write.
//
// Whatever is not plain (bodies that are large or in pieces, upgrades, other
// versions, connections with TLS, what the handler declines, what is wrong) goes
// to a net/http server, with everything that was read of it; the connection stays
// there. So net/http alone decides what to make of it.
//
// The walk enters at Server.Serve, with a connection, and leaves at the handler,
// as an *http.Request and an http.ResponseWriter.
//
// Authority: none beyond the connection that it serves.
//
// Invariants:
//
//  1. A request that is taken is what net/http would have made of the same bytes.
//     What could be read in two ways is not taken.
//  2. A request goes to the handler once, unless it was declined: before that the
//     handler has done nothing.
//  3. What a client sends before its request is whole takes a bounded amount of
//     memory, and a bounded time before it is net/http's.
//  4. The request's context ends when the client leaves, if anybody waits for that,
//     and when the handler has returned.
//  5. A request that has begun when Shutdown is called is answered.
//
// It keeps nothing: a crash ends the connections.
package plainhttp
