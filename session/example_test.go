package session_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// printer is a Host that prints what the machine wants done. A real one does it, and steps the machine with what comes of it.
type printer struct{}

func (printer) Connect(conn uint64, url events.Secret) { fmt.Println("  dial, as connection", conn) }
func (printer) Write(_ uint64, op events.Opcode, _ []byte) error {
	fmt.Println("  write", op)
	return nil
}
func (printer) Close(_ uint64, code events.CloseCode) { fmt.Println("  close with", int(code)) }
func (printer) Enqueue(uint64)                        { fmt.Println("  ask for a permit to Identify") }
func (printer) Dequeue(uint64)                        {}
func (printer) Wake(time.Time)                        {} // or the clock would be printed
func (printer) Deliver(raw events.Raw, meta events.Meta) (full bool) {
	fmt.Println("  deliver", raw.Type)
	return false
}
func (printer) Part(uint64, events.Raw) (taken bool) { return false }
func (printer) Ended(session.Outcome)                {}
func (printer) Latency(_, _ time.Duration)           {}
func (printer) Changed(c session.Change)             { fmt.Println("  now", c.To) }
func (printer) Odd(err error)                        { fmt.Println("  odd:", err) }

// A whole session, without a socket and without a clock: what comes is an input, and what is to be done is asked of the Host.
func ExampleMachine() {
	m, err := session.NewMachine(session.Config{
		Shard: events.ShardID{Index: 0, Total: 1}, Identify: events.Identify{Token: "token"},
	}, printer{})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Now()
	for _, input := range []session.Input{
		{Kind: session.Start},
		{Kind: session.Connected, Conn: 1},
		{Kind: session.Frame, Conn: 1, Data: []byte(`{"op":10,"d":{"heartbeat_interval":41250}}`), At: now},
		{Kind: session.Granted, Conn: 1},
		{Kind: session.Frame, Conn: 1, Data: []byte(`{"op":0,"t":"READY","s":1,"d":{"session_id":"x","resume_gateway_url":"wss://gateway.discord.gg"}}`), At: now},
		{Kind: session.Stop, Code: events.CloseUnknownError}, // a code that keeps the session
	} {
		fmt.Println(input.Kind)
		m.Step(now, input)
	}
	// Output:
	// Start
	//   now Connecting
	//   dial, as connection 1
	// Connected
	//   now AwaitingHello
	// Frame
	//   now Queued
	//   ask for a permit to Identify
	// Granted
	//   now Identifying
	//   write Identify (2)
	// Frame
	//   now Ready
	//   deliver READY
	// Stop
	//   close with 4000
	//   now Closed
}

// A snapshot does not print its secrets. JSON, which is how stores keep it, has them.
func ExampleSnapshot() {
	snapshot := session.Snapshot{Shard: events.ShardID{Index: 0, Total: 1}, SessionID: "secret", ResumeURL: "wss://gateway.discord.gg", Seq: 7}
	fmt.Println(snapshot)
	stored, err := json.Marshal(snapshot)
	if err != nil {
		fmt.Println(err)
		return
	}
	var again session.Snapshot
	fmt.Println(json.Unmarshal(stored, &again), again.SessionID == "secret", again.Seq)
	// Output:
	// {shard 0/1 session [redacted] seq 7 saved 0001-01-01T00:00:00Z}
	// <nil> true 7
}
