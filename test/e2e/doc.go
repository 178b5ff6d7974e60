// Package e2e drives the real binary with the tools that users have: the AWS
// command line, boto3, the AWS SDK for Go, curl, a shell, and ebb's own verbs.
//
// One platform serves all tests that do not stop or break it; each of them uses
// functions of its own. The others start a platform of their own.
//
// Invariants:
//
//  1. Nothing here reaches into ebb: what is asserted is what a user can see.
//  2. With EBB_REQUIRE_SANDBOX=1 a platform without sandbox/linux is a failure.
//  3. When the tests have passed, the machine holds nothing of theirs.
package e2e
