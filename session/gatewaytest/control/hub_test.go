package control_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a port in memory, whose connections hold nothing: a reader that does not read has its writer wait.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8081} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.accept <- server
	return client, nil
}

// serve serves the port in memory, until the test ends.
func (b *bundle) serve() *http.Client {
	port := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: b.handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(port) }() // it ends with ErrServerClosed
	b.t.Cleanup(func() { _ = server.Close() })
	client := &http.Client{Transport: &http.Transport{DialContext: port.dial, DisableKeepAlives: true}}
	return client
}

// listen begins to read GET /events. What is returned waits for the next line that is not empty; "" is the end.
func (b *bundle) listen(client *http.Client) (next func() string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, "http://127.0.0.1:8081/events", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	answer, err := client.Do(r)
	if err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		b.t.Fatalf("GET /events: %v, %v", answer, err)
	}
	b.t.Cleanup(func() { _ = answer.Body.Close() })
	lines := bufio.NewScanner(answer.Body)
	return func() string {
		for lines.Scan() {
			if lines.Text() != "" {
				return lines.Text()
			}
		}
		return ""
	}
}

func TestEvents(t *testing.T) {
	virtual(t, func(b *bundle) {
		next := b.listen(b.serve())
		expect := func(prefix string, parts ...string) {
			t.Helper()
			line := next()
			for _, part := range parts {
				if !strings.HasPrefix(line, prefix) || !strings.Contains(line, part) {
					t.Errorf("heard %s, want %s with %s", line, prefix, part)
				}
			}
		}
		expect(": this tells", "from now on")
		b.order(`{"do":"drop","shard":1}`)
		expect("event: order", "")
		expect("data: {", `"do":"drop"`, `"text":"drop shard=1"`, `"shards":[[1,2]]`)
		expect("event: shard", "")
		expect("data: {", `"shard":[1,2]`, `"change":"gone"`, `"conn":2`)
		b.shards[0].send(`{"op":99}`)
		expect("event: violation", "")
		expect("data: {", `"shard":[0,2]`, `"text":"`)
		expect("event: shard", "")
		expect("data: {", `"change":"closing"`, `"code":4001`)
		expect("event: shard", "")
		expect("data: {", `"change":"gone"`)
		began := time.Now()
		expect(":", "")
		if d := time.Since(began); d != 15*time.Second {
			t.Errorf("after %v of silence a sign of life", d)
		}
		b.Close()
		if line := next(); line != "" {
			t.Errorf("after the server's end: %s", line)
		}
	})
}

// TestSlowReader: who reads late misses what there is no room for, is told how much, and holds up nobody.
func TestSlowReader(t *testing.T) {
	virtual(t, func(b *bundle) {
		client := b.serve()
		next, quick := b.listen(client), b.listen(client)
		_, _ = next(), quick()
		const all = 3000
		began := time.Now()
		heard := 0
		for range all {
			b.order(`{"do":"request-heartbeat","shard":0}`)
			for range 2 {
				if line := quick(); strings.HasPrefix(line, "event: order") {
					heard++
				}
			}
		}
		if heard != all || time.Since(began) != 0 {
			t.Errorf("a quick reader heard %d of %d, in %v", heard, all, time.Since(began))
		}
		seen, missed := 0, 0
		for missed == 0 {
			switch line := next(); {
			case line == "event: order":
				seen++
			case strings.HasPrefix(line, `data: {"count":`):
				if _, err := fmt.Sscanf(line, `data: {"count":%d}`, &missed); err != nil {
					t.Fatal(err)
				}
			case line == "":
				t.Fatal("the end")
			}
		}
		if seen+missed != all || seen < 1000 || seen > 1100 {
			t.Errorf("a slow reader heard %d, and missed %d of %d", seen, missed, all)
		}
		b.order(`{"do":"request-heartbeat","shard":0}`)
		if line := next(); line != "event: order" {
			t.Errorf("afterwards: %s", line)
		}
	})
}

// TestReaderThatReadsNothing: it is let go, when it has read nothing for a minute, or when the server is closed.
func TestReaderThatReadsNothing(t *testing.T) {
	for _, closes := range []bool{false, true} {
		t.Run(fmt.Sprint("closes=", closes), func(t *testing.T) {
			virtual(t, func(b *bundle) {
				next := b.listen(b.serve())
				_ = next()
				for range 500 {
					b.order(`{"do":"request-heartbeat","shard":0}`)
				}
				if closes {
					b.Close()
				} else {
					time.Sleep(time.Minute)
				}
				synctest.Wait()
				n := 0
				for next() != "" {
					n++
				}
				if n > 500 {
					t.Errorf("it was sent %d lines", n)
				}
			})
		})
	}
}
