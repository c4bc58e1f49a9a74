package handover_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/handover"
	"github.com/signalbox-go/signalbox/session"
)

// busy is a pipe's end on which a write ends only when it is read, whatever deadline it has. It tells of each one's begin.
type busy struct {
	net.Conn
	begun chan struct{}
}

func (b *busy) Write(p []byte) (int, error) {
	b.begun <- struct{}{}
	return b.Conn.Write(p)
}

func (b *busy) SetWriteDeadline(time.Time) error { return nil }

// pipe is a connection to a process that the test plays. It hears what that one is told if it reads, and is heard within some seconds or never.
func pipe(t *testing.T) (here *busy, there net.Conn, says func(string)) {
	a, b := net.Pipe()
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	_ = b.SetDeadline(time.Now().Add(10 * time.Second))
	return &busy{a, make(chan struct{}, 100)}, b, func(line string) {
		t.Helper()
		if _, err := fmt.Fprintln(b, line); err != nil {
			t.Errorf("%s: it is not heard: %v", line, err)
		}
	}
}

// shards are what a giver has.
type shards int

func (n shards) Offer() handover.Offer {
	offer := handover.Offer{Total: int(n)}
	for shard := range int(n) {
		offer.Shards = append(offer.Shards, shard)
	}
	return offer
}

func (n shards) Release(_ context.Context, shard int) (session.Snapshot, error) {
	return session.Snapshot{Shard: events.ShardID{Index: shard, Total: int(n)}}, nil
}

// TestGiverHearsWhileItSays: who asks for shards and says that they run may read nothing for a while.
func TestGiverHearsWhileItSays(t *testing.T) {
	t.Parallel()
	here, there, says := pipe(t)
	over := make(chan error, 1)
	go func() {
		_, err := handover.Give(t.Context(), here, shards(3))
		over <- err
	}()
	answers := json.NewDecoder(there)
	var offer struct{ Kind string }
	if err := answers.Decode(&offer); err != nil || offer.Kind != "offer" {
		t.Fatalf("%v, %v", offer, err)
	}
	<-here.begun
	says(`{"Kind":"take","Shard":0}`)
	<-here.begun // it says what is given
	says(`{"Kind":"take","Shard":1}`)
	says(`{"Kind":"take","Shard":2}`)
	says(`{"Kind":"runs","Shard":0}`)
	go func() { _, _ = io.Copy(io.Discard, io.MultiReader(answers.Buffered(), there)) }()
	for range 2 {
		<-here.begun
	}
	says(`{"Kind":"runs","Shard":1}`)
	says(`{"Kind":"runs","Shard":2}`)
	says(`{"Kind":"all"}`)
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// TestTakerHearsWhileItSays: who gives may read nothing for a while.
func TestTakerHearsWhileItSays(t *testing.T) {
	t.Parallel()
	here, there, says := pipe(t)
	go says(`{"Kind":"offer","Version":1,"Offer":{"Total":1,"Shards":[0]}}`)
	taking, err := handover.Ask(t.Context(), here)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	var adopted sync.WaitGroup
	adopted.Add(1)
	go func() {
		_, err := taking.Take(t.Context(), 1, func(context.Context, session.Snapshot) error {
			adopted.Done()
			return nil
		})
		over <- err
	}()
	<-here.begun // it says what it takes
	says(`{"Kind":"given","Shard":0,"Snapshot":{"Shard":[0,1]}}`)
	says(`{"Kind":"refusal","Problem":"no more"}`)
	go func() { _, _ = io.Copy(io.Discard, there) }()
	var refused *handover.RefusedError
	if err := <-over; !errors.As(err, &refused) || !strings.Contains(refused.Problem, "no more") {
		t.Error(err)
	}
	adopted.Wait()
}
