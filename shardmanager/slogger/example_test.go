package slogger_test

import (
	"context"
	"log"
	"log/slog"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/slogger"
)

// A program that logs by log/slog gives the library its handler.
func Example() {
	gateway, err := gatewaytest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer gateway.Close()
	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey { // so that it is the same each time
			return slog.Attr{}
		}
		return a
	}})
	program := slog.New(handler).With("bot", "one")
	m, err := shardmanager.New("token", shardmanager.WithGateway(gateway), shardmanager.WithLogger(slogger.New(program.Handler())))
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := m.Start(ctx); err != nil {
		log.Fatal(err)
	}
	if err := m.WaitReady(ctx); err != nil {
		log.Fatal(err)
	}
	if err := m.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// level=INFO msg="shard ready" bot=one shard=0 shard_total=1 generation=0 from=Identifying state=Ready conn=1
	// level=INFO msg="shard closed" bot=one shard=0 shard_total=1 generation=0 from=Ready state=Closed conn=1
}

// Fields keep their types, and a namespace is a group.
func ExampleNew() {
	log := slogger.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	log.With(zap.Int("shard", 3), zap.Namespace("gateway")).Warn("late", zap.Duration("by", time.Second), zap.Strings("hosts", []string{"a", "b"}))
	// Output:
	// {"level":"WARN","msg":"late","shard":3,"gateway":{"by":1000000000,"hosts":["a","b"]}}
}
