package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/signalbox-go/signalbox/shardmanager"
	"github.com/signalbox-go/signalbox/shardmanager/dashboard"
)

// serve serves the dashboard of a bot, below /dashboard/, until ctx ends.
func serve(ctx context.Context, l net.Listener, m *shardmanager.Manager, opts ...dashboard.Option) error {
	d, err := dashboard.New(m, opts...)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer d.Close()
	mux := http.NewServeMux()
	mux.Handle("/dashboard/", d)
	mux.Handle("/{$}", http.RedirectHandler("/dashboard/", http.StatusFound))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	server.RegisterOnShutdown(d.Close) // streams do not end by themselves
	stop := context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = server.Shutdown(ending)
		_ = server.Close()
	})
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
