// Package stack has a goroutine's stack grow before it is needed.
package stack

const room = 4 << 10

// Reserve has the stack grow by 4 KiB now, if it has less room than that. A young goroutine's stack doubles whenever it runs out, and each time every
// frame that stands on it is adjusted, which costs more than what is done in many of ours: far down in a socket's write, several times what the message
// costs. So whoever begins a goroutine that is over soon, and goes deep, calls this first, when next to nothing stands on it. A stack that has the room
// costs nothing.
func Reserve() { reserve(false) }

// reserve has a frame of that size, which is not touched.
//
//go:noinline
func reserve(touched bool) {
	if touched {
		var space [room]byte
		touch(&space)
	}
}

//go:noinline
func touch(space *[room]byte) { space[0] = 1 }
