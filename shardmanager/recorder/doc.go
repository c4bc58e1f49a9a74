// Package recorder keeps what the last minutes of each shard looked like, to be read when something has gone wrong: a flight recorder. And it records
// whole sessions, to be played back in a test.
//
//	flight := recorder.New(recorder.WithDumps(recorder.ToDirectory("/var/log/bot")))
//	m, err := shardmanager.New(token, shardmanager.WithHooks(flight.Hooks()...))
//
// A [Recorder] has no contents of events and no secret: of a frame it keeps the type, the size and the sequence. What it has is written as JSON lines
// by DumpTo, by Trigger, and by itself when a shard ends for good. docs/operations/flight-recorder.md says how to read them.
//
// A [Recording] has all contents, for gatewaytest.WithRecording: it is for a test, or for a short time under supervision.
//
// Both hear of everything where it happens, on the Manager's own goroutines, and hold up nothing: they call no code but their own there. Without them
// nothing is called, and nothing allocated.
package recorder
