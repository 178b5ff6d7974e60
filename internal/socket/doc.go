// Package socket reads from and writes to stream sockets that carry many small
// messages.
//
// Go tells its scheduler of every system call, in case it takes long. On a machine
// whose processors are all busy that is dear: a thread that has to wait for a
// processor looks like one that waits in a call, so what it was doing is handed to
// another thread, which must be woken for that. A read or write of a socket takes
// what is there, or has room, and never waits; so it is made here without a word to
// the scheduler. To wait for a socket is Go's, as ever.
//
// Authority: none beyond the connection.
//
// Invariants:
//
//  1. A Conn behaves as the net.Conn that it was made of: deadlines, closing, errors
//     that errors.Is knows, any number of goroutines.
//  2. No call waits in the kernel.
//
// It keeps nothing. The walk enters at Read and Write, from gateway/plainhttp and
// runtimeapi, and leaves at the kernel.
package socket
