// Package control gives orders to a simulated gateway from outside: over HTTP, with a page for people, and from a
// scenario file for CI jobs. With it a bot in any language can be tested against faults.
//
//	server, err := gatewaytest.Start()
//	…
//	port := control.New(server)
//	listener, err := control.Listen("127.0.0.1:8081", "")
//	…
//	http.Serve(listener, port.Handler())
//
// An order is a JSON object, such as {"do": "drop", "shard": 1}. One table has all orders: what is taken, the list of
// GET /orders, the page and the table in docs/testing.md are made of it. An order is checked whole before anything is done,
// and a mistake names the field and what it may be.
//
// A scenario is a list of the same orders with times, and of what is expected in between: see [ParseScenario]. It runs in
// real time, or in a testing/synctest bubble.
//
// The port can do to a bot what Discord could, and nothing to the machine: it reads and writes no files, and runs no
// programs. Whoever reaches it sees what the bot has written in its REST calls.
package control
