package main

import (
	"errors"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// embedded is a NATS server in this process, without a port. A bot of yours has a real one: nats.Connect with its URL is all that changes.
func embedded(dir string) (*server.Server, error) {
	s, err := server.NewServer(&server.Options{ServerName: "embedded", DontListen: true, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true})
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return nil, errors.New("the embedded NATS server does not start")
	}
	return s, nil
}

// connect is a connection of its own for the bot and for each worker, as in processes of their own.
func connect(s *server.Server) (*nats.Conn, jetstream.JetStream, error) {
	conn, err := nats.Connect("", nats.InProcessServer(s), nats.MaxReconnects(-1))
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(conn)
	return conn, js, err
}
