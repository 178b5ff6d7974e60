// Package directory is the trigger kind that fires when a file is in a folder of
// the host, complete.
//
// A folder is looked at when the operating system says that something changed in
// it, and now and then anyway: network file systems say nothing, and what is said
// can be lost. What was handed over is a row (seen), with what makes the file this
// very one: inode, size and time.
//
// Authoritative are the folder, for which files there are, and the rows, for which
// of them were told. Files are reached below the folder that the node's
// configuration allows, never by a link that leads out of it.
//
// Invariants:
//
//  1. A file is told once: its row is written with the task it becomes. Another
//     file under its name is another one.
//  2. Nothing is told of a file that is not complete by the trigger's rule, nor of
//     one whose name says that it is being written.
//  3. A file is moved or removed when its task is over, and as the task went. The
//     row goes after that: a crash between finds no file, and drops the row.
//  4. A paused trigger leaves files where they are; they are told when it goes on.
//
// A crash leaves files and rows as they were: what was not told is found by the
// first look. Walk B enters at a source's Run and leaves at Deps.Send.
package directory
