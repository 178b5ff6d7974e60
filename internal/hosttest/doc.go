// Package hosttest is what tests know of the host they run on: where the
// repository lies, how its programs are built, and which "make test-deps" installs.
//
// It owns the answer to one question: what becomes of a test whose program is not
// there. On a developer's bare machine it is skipped. With EBB_REQUIRE_TOOLS=1,
// which the Makefile sets, it fails: what skips there is never run by anybody.
// What no package brings is no matter of this one: another operating system, a
// kernel without some feature, a user who is not root. Tests skip for those
// themselves.
//
// Invariants:
//
//  1. With EBB_REQUIRE_TOOLS=1 nothing here skips.
//  2. Nothing here changes the host.
//
// Nothing is kept, so a crash leaves nothing. Every floor's tests may use it, and so
// do packages that are there for tests; the platform does not.
package hosttest
