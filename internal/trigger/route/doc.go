// Package route is the kind of triggers whose events are HTTP requests.
//
// It owns what is true of routes as a whole: which request belongs to which
// trigger, and that no two claim the same. Serving them is package gateway's,
// which reads the triggers; what a route's settings mean there is asked of it
// through Deps.Check.
//
// Authoritative are the triggers and, beside them, one row for each method of
// each path at each host (store.RouteClaim).
//
// Invariants:
//
//  1. A host, method and shape of a path belong to one trigger. Who comes second
//     is refused, and told whom it belongs to. A paused route keeps its claim.
//  2. A host belongs to one service: the first with a route there, for as long
//     as it has one. So does what a wildcard covers. Where the node's
//     configuration grants hosts, that decides instead, and services that were
//     granted one host share it.
//  3. Claims are written in the Tx of the trigger's change, which is touched, so
//     that every node hears of it within a second.
//
// A crash leaves either the old route or the new one. There is no source: the
// walk enters at the gateway.
package route
