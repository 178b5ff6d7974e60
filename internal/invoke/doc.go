// Package invoke is the one door to running code: every trigger, API and
// workflow step comes through Invoke.
//
// It resolves function and qualifier to a version, admits the request, has an
// instance found or started (package pool), hands the invocation over, streams
// the answer to the caller's sink and writes START, END and REPORT to the
// function's log. What a version is, package function says; the cache here is
// only a copy, dropped by Forget.
//
// Invariants:
//
//  1. Once handed to a bootstrap, an invocation is never tried again. An instance
//     that was dead before that costs nothing but time.
//  2. A failed handler is an answer (Result.FunctionError); a Go error is
//     always the platform's or the caller's, and then nothing went to the sink.
//  3. The payload is never decoded.
//  4. After Forget(key) returns, no later Invoke sees what key was before.
//  5. Each invocation of an alias with two versions chooses by itself, at random
//     by weight; the version does not change on the way.
//  6. An invocation names a tenant if and only if its version is per tenant, and
//     no instance sees two tenants.
//  7. What a service has in flight and begins in a second on this node is never
//     more than its quota (quota.go); admitting takes no lock. After
//     ForgetService(id) returns, the quota is read anew.
//
// It keeps nothing: a crash loses the invocations in flight, whose callers see
// the connection end. Walk A enters at Invoke and leaves at the sink.
package invoke
