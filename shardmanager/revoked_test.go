package shardmanager_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestTokenRevokedWhileRunning: discovery, which is asked when sessions are lost, says that the token is none any more.
// The Manager ends with that cause; whoever waits or asks is told; and nothing is dialled or asked again.
func TestTokenRevokedWhileRunning(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(3), gatewaytest.WithMaxConcurrency(3))
		var refuse atomic.Bool
		var dials atomic.Int64
		m := newManager(t, g, shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			if dials.Add(1); refuse.Load() {
				return nil, errors.New("refused")
			}
			return g.DialContext(ctx, network, addr)
		}))
		start(t, m)
		g.OnDiscovery(func(w http.ResponseWriter) bool {
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		waiting := make(chan error, 2)
		refuse.Store(true)
		g.DropAll()
		synctest.Wait()
		go func() { waiting <- m.WaitReady(t.Context()) }()
		go func() { waiting <- second(events.Heartbeat{}.SendEvent(t.Context(), m)) }()
		select {
		case <-m.Done():
		case <-time.After(5 * time.Minute):
			t.Fatalf("it goes on: %+v", m.Status())
		}
		if !errors.Is(m.Err(), shardmanager.ErrAuthentication) {
			t.Errorf("Err: %v", m.Err())
		}
		for range 2 {
			if err := <-waiting; !errors.Is(err, shardmanager.ErrAuthentication) && !errors.Is(err, actors.ErrClosed) {
				t.Errorf("who waited: %v", err)
			}
		}
		if err := m.WaitReady(t.Context()); !errors.Is(err, shardmanager.ErrAuthentication) || !errors.Is(err, shardmanager.ErrClosed) {
			t.Errorf("WaitReady: %v", err)
		}
		before := dials.Load()
		pass(24 * time.Hour)
		if s := g.Stats(); dials.Load() != before || s.Discoveries != 2 || s.Identifies != 3 {
			t.Errorf("%d dials afterwards, and %d before; %+v", dials.Load()-before, before, s)
		}
	})
}

// TestDiscoveryAdviceWhileRunning: what discovery says of the URL and of the number of shards is a matter of the log: the
// shards go on with what they have, on the URL that may be reached.
func TestDiscoveryAdviceWhileRunning(t *testing.T) {
	for name, test := range map[string]struct {
		key   string
		value any
		says  string
	}{
		"a URL that is not allowed": {"url", "wss://evil.example", "not Discord's"},
		"more shards":               {"shards", 9, `"recommended":9`},
		"as many shards":            {"shards", 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				var log syncBuffer
				core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), &log, zap.WarnLevel)
				m := newManager(t, g, shardmanager.WithLogger(zap.New(core)))
				start(t, m)
				g.OnDiscovery(func(w http.ResponseWriter) bool { _, _ = w.Write(answer(g, test.key, test.value)); return true })
				g.ForgetSessions()
				g.DropAll()
				pass(5 * time.Minute)
				if s := g.Stats(); s.Discoveries != 2 || s.Identifies != 2 || s.Connections != 3 || m.Status().Ready() != 1 || m.Err() != nil {
					t.Errorf("%+v, %+v, %v", s, m.Status(), m.Err())
				}
				said := log.String()
				if test.says != "" && !strings.Contains(said, test.says) || strings.Contains(said, `"recommended"`) != (test.key == "shards" && test.says != "") {
					t.Errorf("the log: %s", said)
				}
				g.RequireNoViolations(t)
			})
		})
	}
}

// unread is a store whose ledger cannot be read, until it can.
type unread struct {
	disk
	err   error
	hangs bool
}

func (u *unread) LoadLedger(ctx context.Context) (ratelimit.LedgerState, error) {
	if u.broken.Load() && u.hangs {
		<-ctx.Done()
		return ratelimit.LedgerState{}, ctx.Err()
	}
	if u.broken.Load() {
		return ratelimit.LedgerState{}, u.err
	}
	return u.disk.LoadLedger(ctx)
}

// TestLedgerThatCannotBeRead: what was spent before is not known, so nothing is spent: shards with a session resume, the
// others wait and say why, also if the ledger does not answer at all. When it can be read again they identify, within
// what it says is left.
func TestLedgerThatCannotBeRead(t *testing.T) {
	for name, hangs := range map[string]bool{"it fails": false, "it hangs": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, gatewaytest.WithShards(4), gatewaytest.WithMaxConcurrency(4))
				store := &unread{disk: disk{Store: session.NewMemoryStore()}, err: errDisk, hangs: hangs}
				first := newManager(t, g, shardmanager.WithSessionStore(store), shardmanager.WithShards(4, 0))
				start(t, first)
				closeNow(t, first)
				store.ledger.Remaining, store.ledger.ResetAt = 102, time.Now().Add(20*time.Hour) // 100 are kept
				store.broken.Store(true)
				m := newManager(t, g, shardmanager.WithSessionStore(store))
				if err := m.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				pass(2 * time.Minute)
				if s := g.Stats(); s.Identifies != 1 || s.Resumes != 1 || m.Status().Ready() != 1 {
					t.Errorf("while it cannot be read: %+v", s)
				}
				for _, shard := range m.Status().Shards[1:] {
					var failed *ratelimit.LedgerError
					if !errors.As(shard.Cause, &failed) || errors.Is(shard.Cause, errDisk) == hangs {
						t.Errorf("shard %v is %v: %v", shard.Shard, shard.State, shard.Cause)
					}
				}
				store.broken.Store(false)
				pass(5 * time.Minute)
				if s := g.Stats(); s.Identifies != 1+2 || m.Status().Ready() != 3 {
					t.Errorf("when it can be read: %+v", s)
				}
				g.RequireNoViolations(t)
			})
		})
	}
}

// TestStoreThatCannotBeRead: of a store that fails nothing is known, and to identify all shards for that would cost the
// day's budget: Start says so, and no connection is made.
func TestStoreThatCannotBeRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(4))
		m := newManager(t, g, shardmanager.WithSessionStore(brokenStore{session.NewMemoryStore(), events.ShardID{Index: 2, Total: 4}}))
		if err := m.Start(t.Context()); !errors.Is(err, errDisk) || !strings.Contains(err.Error(), "shard 2/4") {
			t.Errorf("Start: %v", err)
		}
		if !errors.Is(m.Err(), errDisk) {
			t.Errorf("Err: %v", m.Err())
		}
		pass(time.Hour)
		if s := g.Stats(); s.Connections != 0 || s.Identifies != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// brokenStore is one in which a shard's session cannot be read.
type brokenStore struct {
	session.Store
	broken events.ShardID
}

func (s brokenStore) Load(ctx context.Context, id events.ShardID) (session.Snapshot, error) {
	if id == s.broken {
		return session.Snapshot{}, errDisk
	}
	return s.Store.Load(ctx, id)
}
