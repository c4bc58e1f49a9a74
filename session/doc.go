// Package session is the gateway's protocol as a value. A [Machine] is stepped with inputs
// (a frame came, a timer fired, a permit was granted, somebody sends) and the present time, and asks its
// [Host] for what the protocol wants done: dial, write, close, deliver. It matches what the gateway sends to what was
// asked of it, and tells how each [Send] ended, once. table.go has a decision for each input in each state.
//
// Nothing in here opens a socket, starts a goroutine, reads a clock or takes a lock (but for
// the memory store), so a whole session runs in a test as a list of inputs and outputs. A
// machine belongs to one goroutine at a time. What must survive a crash of its owner, the
// [Cursor], lives outside it.
package session
