// Command probe is what the sandbox tests run inside boxes: its first argument
// names something to try, and it prints what came of it.
//
// It owns nothing, trusts nobody and keeps no state; whatever it breaks is the
// box's to contain.
package main
