// Reshard shows how the number of shards of a bot changes while it runs: from 4 to 8, and back, while messages are written in its guilds and it sends. It takes about a minute,
// needs no token, for the gateway is a simulated one on a port of this machine, and ends with a table. Its exit code is 1 if an event was lost or came twice, a send has not
// ended in an answer, or it took what PlanReshard had not said.
//
//	go run ./examples/reshard
//
// The bot's part of it is in bot.go. In a bot of yours it is a line: err := m.Reshard(ctx, 8)
package main

import (
	"fmt"
	"os"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

func main() {
	if err := show(); err != nil {
		fmt.Fprintln(os.Stderr, "reshard:", err)
		os.Exit(1)
	}
}

func show() error {
	gateway, err := gatewaytest.Start(world()...)
	if err != nil {
		return err
	}
	defer gateway.Close()
	s := newStory(os.Stdout, gateway)
	return s.tell()
}
