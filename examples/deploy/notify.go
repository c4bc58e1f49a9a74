package main

import (
	"net"
	"os"
)

// What systemd is told; see sd_notify(3).
const (
	isReady  = "READY=1"
	isEnding = "STOPPING=1"
)

// notify tells systemd how the bot stands, if it was started by a unit of Type=notify: such a unit is started, and systemctl returns, when the bot is ready.
// Elsewhere nobody listens, and it does nothing.
func notify(state string) error {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil
	}
	conn, err := net.Dial("unixgram", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(state))
	return err
}
