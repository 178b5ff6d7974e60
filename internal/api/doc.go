// Package api is the platform's own HTTP API, /v1: what the AWS APIs do not
// have.
//
// It owns the shapes of its answers (camelCase JSON; times are RFC 3339,
// durations seconds, sizes bytes), the table from error kinds to statuses, and
// the OpenAPI document made from both. It owns no facts: each answer is asked of
// the package that knows.
//
// Every request needs the root credentials or an access key, as a signature (any
// service name of package auth, "execute-api" by convention) or as
// "Authorization: Bearer TOKEN"; only GET /v1/health is open. What a caller may
// do says package auth's table; the action is "ebb:" and the operation's id. Errors are application/problem+json (RFC
// 9457) whose type is the page of docs/errors, and carry the bare name in code
// and X-Amzn-ErrorType, as the AWS APIs do.
//
// Invariants:
//
//  1. An answer that was begun and cannot be completed ends the connection, so
//     that nobody takes a part for the whole.
//  2. A stream ends when its client goes away, when the client does not read
//     for half a minute, or when Stop is called.
//  3. Each operation is authorized in one place, before its handler, and shows
//     and changes things of the caller's service only.
//  4. What keys and values were read or changed by whom is written to the log;
//     they themselves never are.
//
// It keeps nothing, so a crash loses nothing. Requests enter at ServeHTTP and
// leave at one call of logs, pool, function or a func that server passed in.
package api
