// Package stack has a goroutine's stack grow before it is needed. A young goroutine's stack doubles whenever it runs out, and each time every frame that
// stands on it is adjusted, which costs more than what is done in many of ours: far down in a socket's write, several times what the message costs. So
// whoever begins a goroutine that is over soon, or may have been called by one, reserves what it goes down first, when little stands on it. A stack that has
// the room costs nothing.
package stack

// Reserve4K has the stack grow by 4 KiB now, if it has less room than that: as deep as an actor goes.
func Reserve4K() { reserve4K(false) }

// Reserve1K is for 1 KiB: as deep as a caller goes who asks an actor.
func Reserve1K() { reserve1K(false) }

// reserve4K has a frame of that size, which is not touched.
//
//go:noinline
func reserve4K(touched bool) {
	if touched {
		var space [4 << 10]byte
		touch(space[:])
	}
}

//go:noinline
func reserve1K(touched bool) {
	if touched {
		var space [1 << 10]byte
		touch(space[:])
	}
}

//go:noinline
func touch(space []byte) { space[0] = 1 }
