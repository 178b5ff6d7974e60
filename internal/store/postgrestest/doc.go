// Package postgrestest gives tests a real PostgreSQL of their own.
//
// It owns one server for each test binary, made by initdb in a temporary folder
// and started when the first test asks for a database; and one database for
// each test that asks, new or, with the store's tables, one that another test had
// and that was emptied; a test that breaks servers has one of its Own. The server
// is a true one: fsync is on, clients need a password, and words are sorted as
// people do, not bytewise, so that what relies on the order of bytes has to say so.
// The binaries are those on PATH or of Debian's package, PostgreSQL 15 or later;
// "make test-deps" installs them.
//
// A test binary that uses it ends with
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(postgrestest.Tests{M: m}) }
//
// Invariants:
//
//  1. Nothing outside the temporary folder is touched, and no other server.
//  2. The server ends with the test binary, however that ends, and by its id.
//  3. No test finds what another one wrote, nor has tables at the same time.
//
// Every floor's tests may use it. It is no part of the platform.
package postgrestest
