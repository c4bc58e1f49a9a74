package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestSessionThatTheGatewayBegins: READY in answer to Resume, and on a live connection. Handlers see it in order, as the first event of a
// session; who watches is told what was lost; the store has the new session; sends go on, within the limit of the one connection.
func TestSessionThatTheGatewayBegins(t *testing.T) {
	for _, live := range []bool{false, true} {
		t.Run(fmt.Sprintf("live %v", live), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				store := session.NewMemoryStore()
				m := newManager(t, g, shardmanager.WithSessionStore(store))
				var seen []string
				shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, at events.Meta) {
					seen = append(seen, fmt.Sprint(at.Session, raw.Type, at.Seq))
				})
				var lost []shardmanager.Change
				changes := m.Watch(t.Context())
				go func() {
					for c := range changes {
						if c.Lost {
							lost = append(lost, c)
						}
					}
				}()
				start(t, m)
				begin := func(conn int) {
					g.SendTo(conn, []byte(`{"op":0,"t":"READY","s":1,"d":{"session_id":"another","resume_gateway_url":"`+g.URL+`","user":{"id":"7"}}}`))
					g.SendTo(conn, []byte(`{"op":0,"t":"X","s":2,"d":{}}`))
				}
				if live {
					begin(1)
				} else {
					g.OnFrame(func(f gatewaytest.Frame) bool {
						if f.Op == events.OpResume {
							begin(f.Conn)
						}
						return f.Op == events.OpResume
					})
					g.Shard(0).Drop()
				}
				pass(5 * time.Second)
				if want := []string{"1READY1", "2READY1", "2X2"}; !slices.Equal(seen, want) {
					t.Errorf("handled %v", seen)
				}
				status, _ := m.Shard(0).Status()
				if len(lost) != 1 || lost[0].To != session.Ready || !errors.Is(lost[0].Cause, session.ErrNewSession) || status.State != session.Ready || status.Session != 2 || status.Resumes != 0 {
					t.Errorf("lost %+v, then %+v", lost, status)
				}
				if stored, err := store.Load(t.Context(), events.ShardID{Total: 1}); err != nil || stored.SessionID != "another" || stored.Seq != 2 {
					t.Errorf("stored %+v, %v", stored, err)
				}
				if _, err := (events.UpdatePresence{Status: events.StatusIdle}).SendEvent(t.Context(), m); err != nil {
					t.Errorf("a send: %v", err)
				}
			})
		})
	}
}

// TestSequenceThatMakesNoSenseIsNotStored: it is delivered as it came, and mutes nothing; what is stored is how far the session has come.
func TestSequenceThatMakesNoSenseIsNotStored(t *testing.T) {
	for _, absurd := range []int64{-5, 6, 1 << 53, 1<<63 - 1} {
		t.Run(fmt.Sprint(absurd), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				store := session.NewMemoryStore()
				m := newManager(t, g, shardmanager.WithSessionStore(store))
				var got seen
				shardmanager.OnRaw(m, got.handle)
				start(t, m)
				g.Shard(0).SendRaw(fmt.Appendf(nil, `{"op":0,"t":"X","s":%d,"d":{}}`, absurd))
				stored := func(want int64) {
					t.Helper()
					pass(3 * time.Second)
					snapshot, err := store.Load(t.Context(), events.ShardID{Total: 1})
					if status, _ := m.Shard(0).Status(); err != nil || snapshot.Seq != want || status.Seq != want {
						t.Errorf("stored %d, status %d, want %d (%v)", snapshot.Seq, status.Seq, want, err)
					}
				}
				stored(1)
				g.Shard(0).Dispatch("X", 1)
				g.Shard(0).Dispatch("X", 1)
				stored(3)
				g.Shard(0).Drop()
				pass(3 * time.Second)
				stored(4) // RESUMED
				if want := []int64{1, max(absurd, 0), 2, 3, 4}; !slices.Equal(got.seqs, want) {
					t.Errorf("handled %v, want %v", got.seqs, want)
				}
				m.System().Root.Send(m.Supervisor(), actors.CrashShard{Key: shardKey(m, 0)})
				pass(10 * time.Second)
				stored(5)
				g.RequireNoViolations(t)
				wantResumed(t, g, m, 2)
			})
		})
	}
}

// TestStoredSequenceGoesBackWithTheSession: two events that were numbered wrongly in a row are believed, until the gateway goes on from where
// it was. Then what is stored is that again, and nothing after it is lost with the process.
func TestStoredSequenceGoesBackWithTheSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := session.NewMemoryStore()
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, m)
		stored := func(want int64) {
			t.Helper()
			pass(3 * time.Second)
			if snapshot, err := store.Load(t.Context(), events.ShardID{Total: 1}); err != nil || snapshot.Seq != want {
				t.Errorf("stored %d, want %d (%v)", snapshot.Seq, want, err)
			}
		}
		for _, wrong := range []int64{501, 502} {
			g.Shard(0).SendRaw(fmt.Appendf(nil, `{"op":0,"t":"X","s":%d,"d":{}}`, wrong))
		}
		stored(502)
		g.Shard(0).Dispatch("X", 1)
		g.Shard(0).Dispatch("X", 1)
		stored(3)
		closeNow(t, m)
		stored(3)
		next := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, next)
		if s := g.Stats(); s.Resumes != 1 || s.Identifies != 1 || next.Status().Ready() != 1 { // a heartbeat may have named 502
			t.Errorf("%d resumes, %d identifies, want one of each", s.Resumes, s.Identifies)
		}
	})
}

// TestStoredSequenceOutlivesAProcessThatNeverConnects: what it has restored is what its status shows, and what is stored when it ends.
func TestStoredSequenceOutlivesAProcessThatNeverConnects(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := session.NewMemoryStore()
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, m)
		for range 4 {
			g.Shard(0).Dispatch("X", 1)
		}
		pass(3 * time.Second)
		closeNow(t, m)
		stored, err := store.Load(t.Context(), events.ShardID{Total: 1})
		if err != nil || stored.Seq != 5 {
			t.Fatalf("stored %d: %v", stored.Seq, err)
		}
		nowhere := shardmanager.WithNetDial(func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no network") })
		next := newManager(t, g, shardmanager.WithSessionStore(store), nowhere)
		if err := next.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		if status, ok := next.Shard(0).Status(); !ok || status.Seq != stored.Seq {
			t.Errorf("the status has %d, want %d", status.Seq, stored.Seq)
		}
		closeNow(t, next)
		if now, err := store.Load(t.Context(), events.ShardID{Total: 1}); err != nil || now.Seq != stored.Seq || now.SessionID != stored.SessionID {
			t.Errorf("stored are %d, and were %d: %v", now.Seq, stored.Seq, err)
		}
		last := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, last)
		wantResumed(t, g, last, 1)
	})
}

// TestReadyWithoutAUserLeavesWhoTheBotIs: what is stored says whose the session is, as the READY before it has told.
func TestReadyWithoutAUserLeavesWhoTheBotIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		store := session.NewMemoryStore()
		m := newManager(t, g, shardmanager.WithSessionStore(store))
		start(t, m)
		for _, user := range []string{`,"user":{"id":"7"}`, ``} {
			g.SendTo(1, []byte(`{"op":0,"t":"READY","s":1,"d":{"session_id":"another","resume_gateway_url":"`+g.URL+`"`+user+`}}`))
			pass(5 * time.Second)
			if stored, err := store.Load(t.Context(), events.ShardID{Total: 1}); err != nil || stored.Bot != 7 {
				t.Errorf("after READY with %q the session is %v's: %v", user, stored.Bot, err)
			}
		}
	})
}
