package shardmanager_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// lostSpot is a place of which it can no longer be said whose it is.
type lostSpot struct {
	*spot
	lost    atomic.Bool
	deaf    bool
	listens atomic.Int32
}

func (s *lostSpot) Claim() (bool, error) {
	if s.lost.Load() {
		return false, errDisk
	}
	return s.spot.Claim()
}

func (s *lostSpot) Listen() (net.Listener, error) {
	if s.listens.Add(1); s.deaf {
		return nil, errDisk
	}
	return s.spot.Listen()
}

// TestNobodyListensWhereThePlaceMayBeAnothers: who has taken all shards over runs them, and says that nobody can follow.
func TestNobodyListensWhereThePlaceMayBeAnothers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := followedGateway(t)
		store := shardmanager.WithSessionStore(session.NewMemoryStore())
		at := new(meeting)
		old := newManager(t, g, store, shardmanager.WithPlace(at.spot()))
		start(t, old)
		place := &lostSpot{spot: at.spot()}
		core, logs := observer.New(zap.ErrorLevel)
		next := newManager(t, g, store, shardmanager.WithPlace(place), shardmanager.WithLogger(zap.New(core)))
		if err := next.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		place.lost.Store(true)
		pass(time.Minute)
		if n := next.Status().Ready(); n != followed || place.listens.Load() != 0 || logs.FilterMessageSnippet("no process can follow this one").Len() != 1 {
			t.Errorf("%d are ready, listened %d times, %v", n, place.listens.Load(), logs.All())
		}
	})
}

// TestStartIsRefusedWhereNobodyCouldFollow: the one who starts learns it, and not the one who is to follow.
func TestStartIsRefusedWhereNobodyCouldFollow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := followedGateway(t)
		m := newManager(t, g, shardmanager.WithSessionStore(session.NewMemoryStore()), shardmanager.WithPlace(&lostSpot{spot: new(meeting).spot(), deaf: true}))
		if err := m.Start(t.Context()); !errors.Is(err, errDisk) {
			t.Errorf("Start: %v", err)
		}
		if pass(time.Minute); g.Stats().Identifies != 0 {
			t.Errorf("%+v", g.Stats())
		}
	})
}

// cutSpot is a place whose process can no longer be heard from a moment on.
type cutSpot struct {
	*spot
	conn net.Conn
}

func (s *cutSpot) Dial(ctx context.Context) (net.Conn, error) {
	var err error
	s.conn, err = s.spot.Dial(ctx)
	return s.conn, err
}

// TestWhoIsNotHeardIsNotTakenForDead: a process that has its place still lives, and runs the shards that it had not given yet, and those that it has taken back.
func TestWhoIsNotHeardIsNotTakenForDead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := followedGateway(t)
		store := shardmanager.WithSessionStore(session.NewMemoryStore())
		at := new(meeting)
		old := newManager(t, g, store, shardmanager.WithPlace(at.spot()))
		start(t, old)
		place := &cutSpot{spot: at.spot()}
		next := newManager(t, g, store, shardmanager.WithPlace(place))
		if err := next.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for next.Status().Ready() < followed/3 {
			pass(time.Millisecond)
		}
		if err := place.conn.Close(); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		select {
		case <-next.Done():
			if !strings.Contains(next.Err().Error(), "shards were taken over") {
				t.Errorf("the one that follows ends with %v", next.Err())
			}
		default:
			t.Errorf("the one that follows goes on, with %d shards", next.Status().Ready())
		}
		pass(3 * time.Minute)
		if n := old.Status().Ready(); n != followed || old.Persistence().Fenced != 0 {
			t.Errorf("the one before runs %d shards; %+v", n, old.Persistence())
		}
		g.RequireNoViolations(t)
	})
}

// TestWhoSaysWhatIsNotUnderstoodIsNotFollowed, and no shard is run beside the ones that it may have.
func TestWhoSaysWhatIsNotUnderstoodIsNotFollowed(t *testing.T) {
	for name, c := range map[string]struct{ says, want string }{
		"a later version":       {`{"Kind":"offer","Version":1000000,"Offer":{"Total":6,"Shards":[0]}}`, "later version"},
		"an offer of nothing":   {`{"Kind":"offer","Version":1}`, "before it has offered"},
		"what nobody knows":     {`{"Kind":"dance"}`, "dance"},
		"that it does not want": {`{"Kind":"refusal","Problem":"not today"}`, "not today"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := followedGateway(t)
				at := new(meeting)
				other := at.spot()
				if first, err := other.Claim(); !first || err != nil {
					t.Fatal(first, err)
				}
				calls, err := other.Listen()
				if err != nil {
					t.Fatal(err)
				}
				said := make(chan error, 1)
				go func() {
					conn, err := calls.Accept()
					if err == nil {
						_, err = conn.Write([]byte(c.says + "\n"))
					}
					said <- err
				}()
				m := newManager(t, g, shardmanager.WithSessionStore(session.NewMemoryStore()), shardmanager.WithPlace(at.spot()))
				if err := m.Start(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("Start: %v", err)
				}
				if err := <-said; err != nil {
					t.Error(err)
				}
				if pass(time.Minute); g.Stats().Connections != 0 {
					t.Errorf("%+v", g.Stats())
				}
			})
		})
	}
}

// TestShardIsTakenBackFromOneWhoseClockIsAhead: it has claimed the shard under a fence that is later than any time here, and died.
func TestShardIsTakenBackFromOneWhoseClockIsAhead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(6), gatewaytest.WithMaxConcurrency(6))
		at, store := new(meeting), session.NewMemoryStore()
		m := newManager(t, g, shardmanager.WithPlace(at.spot()), shardmanager.WithSessionStore(store))
		start(t, m)
		conn, err := at.spot().Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var given struct{ Snapshot session.Snapshot }
		answers := json.NewDecoder(conn)
		if err := answers.Decode(&struct{}{}); err != nil { // the offer
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(`{"Kind":"take","Shard":3}` + "\n")); err != nil {
			t.Fatal(err)
		}
		if err := answers.Decode(&given); err != nil || given.Snapshot.Shard.Index != 3 {
			t.Fatalf("%v, %v", given.Snapshot, err)
		}
		given.Snapshot.Fence = uint64(time.Now().Add(time.Hour).UnixMicro())
		if err := store.(session.Claimer).Claim(t.Context(), given.Snapshot); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		g.Shard(3).Dispatch("X", 1)
		pass(time.Minute)
		if s := g.Stats(); m.Status().Ready() != 6 || m.Persistence().Fenced != 0 || s.Identifies != 6 || s.Resumes != 1 {
			t.Errorf("%d are ready; %+v; %+v", m.Status().Ready(), m.Persistence(), s)
		}
		if stored, err := store.Load(t.Context(), given.Snapshot.Shard); err != nil || stored.Fence <= given.Snapshot.Fence {
			t.Errorf("it is stored under fence %d, after %d: %v", stored.Fence, given.Snapshot.Fence, err)
		}
	})
}

// TestOneBotDoesNotFollowAnother: whose a token is it says itself. One that does not say it may be the same bot's.
func TestOneBotDoesNotFollowAnother(t *testing.T) {
	token := func(bot string) string { return base64.StdEncoding.EncodeToString([]byte(bot)) + ".G1.secret" }
	for name, c := range map[string]struct {
		old, next string
		follows   bool
	}{
		"another":         {token("4242"), token("4243"), false},
		"the same":        {token("4242"), token("4242"), true},
		"nobody knows":    {token("4242"), "opaque", true},
		"nobody has said": {"opaque", token("4242"), true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g, at := newGateway(t), new(meeting)
				process := func(token string) *shardmanager.Manager {
					m, err := shardmanager.New(token, shardmanager.WithGateway(g), shardmanager.WithLogger(zap.NewNop()), shardmanager.WithPlace(at.spot()))
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { closeNow(t, m) })
					return m
				}
				old := process(c.old)
				start(t, old)
				next := process(c.next)
				err := next.Start(t.Context())
				if c.follows && err != nil || !c.follows && !errors.Is(err, actors.ErrOtherBot) {
					t.Errorf("Start: %v", err)
				}
				pass(time.Minute)
				if n := g.Stats().Live; n != 1 || (old.Status().Ready() == 1) == c.follows {
					t.Errorf("%d live; the one before has %d", n, old.Status().Ready())
				}
			})
		})
	}
}
