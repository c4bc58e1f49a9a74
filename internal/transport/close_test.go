package transport_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/transport"
)

func TestQueryAndCloseFrame(t *testing.T) {
	t.Parallel()
	query, closed := make(chan string, 1), make(chan error, 1)
	url := peer(t, func(ws *websocket.Conn, r *http.Request) {
		query <- r.URL.RawQuery
		_, _, err := ws.ReadMessage()
		closed <- err
	})
	c := dial(t, url+"/?v=6&keep=1&compress=x", transport.Config{})
	if q := <-query; q != "compress=zstd-stream&encoding=json&keep=1&v=10" {
		t.Errorf("query: %s", q)
	}
	c.Close(events.CloseUnknownError, "")
	if err := <-closed; !websocket.IsCloseError(err, 4000) {
		t.Errorf("the peer saw %v", err)
	}
}

// Failures: F113, F115.
func TestCloseWithWritesAndReads(t *testing.T) {
	t.Parallel()
	url := peer(t, func(ws *websocket.Conn, r *http.Request) {
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				return
			}
		}
	})
	c := dial(t, url, transport.Config{})
	var all sync.WaitGroup
	all.Go(func() { _, _ = c.Read() })
	all.Go(func() {
		for c.Write([]byte(`{"op":1,"d":null}`)) == nil {
		}
	})
	for range 4 {
		all.Go(func() { c.Close(events.CloseUnknownError, "") })
	}
	all.Wait() // Close ends both
	if err := c.Write([]byte("{}")); err == nil {
		t.Error("a write after Close succeeded")
	}
}

// deaf is a connection whose deadlines for writes have no effect, as if each were taken back by a write that
// ended just then.
type deaf struct{ net.Conn }

func (deaf) SetWriteDeadline(time.Time) error { return nil }

// TestCloseIsBounded: a peer that takes nothing any more does not hold Close.
//
// Failures: F113.
func TestCloseIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() {
			if request, err := http.ReadRequest(bufio.NewReader(theirs)); err == nil {
				_, _ = io.WriteString(theirs, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
					acceptKey(request.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
			}
		}()
		c := dial(t, "ws://localhost", transport.Config{NetDial: func(context.Context, string, string) (net.Conn, error) { return deaf{ours}, nil }})
		begin := time.Now()
		c.Close(events.CloseUnknownError, "")
		if took := time.Since(begin); took > time.Second {
			t.Errorf("Close took %v", took)
		}
		if _, err := c.Read(); err == nil {
			t.Error("something was read after Close")
		}
	})
}
