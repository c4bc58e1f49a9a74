package shardmanager_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// asker is a user's own actor: it asks the supervisor, and keeps what it is told.
type asker struct {
	mu         sync.Mutex
	supervisor *actor.PID
	sent       []*actors.EventSent
	failed     []*actors.SendFailed
	dispatched []*actors.Dispatch
	changes    []*actors.StateChanged
}

func (a *asker) Receive(ctx actor.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch m := ctx.Message().(type) {
	case *actors.SendEvent:
		ctx.Request(a.supervisor, m)
	case actors.Subscribe:
		m.PID = ctx.Self()
		ctx.Request(a.supervisor, m)
	case *actors.EventSent:
		a.sent = append(a.sent, m)
	case *actors.SendFailed:
		a.failed = append(a.failed, m)
	case *actors.Dispatch:
		a.dispatched = append(a.dispatched, m)
	case *actors.StateChanged:
		a.changes = append(a.changes, m)
	}
}

// quietSystem is an actor system of the user's own. It is shut down when the test ends, behind the managers that
// were made after it.
func quietSystem(t *testing.T) *actor.ActorSystem {
	t.Helper()
	system := actor.NewActorSystem(actor.WithDeadLetterThrottleInterval(time.Millisecond), actor.WithLoggerFactory(quiet))
	t.Cleanup(func() {
		system.Shutdown()
		pass(time.Second) // the throttle of dead letters has a goroutine for that long
	})
	return system
}

func TestActorsOfTheUsersOwnSystem(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2), gatewaytest.WithGuildsPerShard(1))
		system := quietSystem(t)
		m := newManager(t, g, shardmanager.WithActorSystem(system))
		start(t, m)
		a := &asker{supervisor: m.Supervisor()}
		pid := system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return a }))
		guild := gatewaytest.GuildOf(events.ShardID{Index: 1, Total: 2}, 0)
		system.Root.Send(pid, actors.Subscribe{Types: []events.Type{"GUILD_MEMBERS_CHUNK"}})
		pass(time.Second)
		d := fmt.Appendf(nil, `{"guild_id":"%d","user_ids":["1","99"]}`, guild)
		of := func(index int) *events.ShardID { return &events.ShardID{Index: index, Total: 2} }
		for i, message := range []*actors.SendEvent{
			{ID: 1, Shard: of(1), Op: events.OpRequestGuildMembers, Data: d},
			{ID: 2, Shard: of(0), Op: events.OpRequestGuildMembers, Data: d},           // another shard's guild
			{ID: 3, Shard: of(1), Op: events.OpIdentify, Data: []byte(`{}`)},           // the session's own
			{ID: 4, Shard: of(9), Op: events.OpHeartbeat},                              // no such shard
			{ID: 5, Shard: of(1), Op: events.OpPresenceUpdate, Data: []byte(`{`)},      // not JSON
			{ID: 6, Shard: of(0), Op: events.OpHeartbeat},                              // answered by an ACK
			{ID: 7, Shard: of(0), Op: events.OpPresenceUpdate, Data: []byte(`{}`)},     // nothing answers it
			{ID: 8, Shard: of(0), Op: events.OpHeartbeat, Deadline: time.Now()},        // too late
			{ID: 9, Shard: of(0), Op: events.OpRequestChannelInfo, Data: []byte(`{}`)}, // not valid
		} {
			system.Root.Send(pid, message)
			pass(time.Second)
			a.mu.Lock()
			outcomes := len(a.sent) + len(a.failed)
			a.mu.Unlock()
			if outcomes != i+1 {
				t.Fatalf("after %d requests there are %d outcomes", i+1, outcomes)
			}
		}
		system.Root.Stop(pid)
		pass(time.Second) // from here on a is the test's
		var ids []uint64
		for _, s := range a.sent {
			ids = append(ids, s.ID)
		}
		if fmt.Sprint(ids) != "[1 6 7]" || len(a.sent[0].Answer.Events) != 1 || a.sent[0].Shard.Index != 1 {
			t.Errorf("sent: %v, %+v", ids, a.sent[0])
		}
		for i, want := range []error{actors.ErrWrongShard, actors.ErrReservedEvent, actors.ErrUnknownShard, nil, context.DeadlineExceeded, nil} {
			var failure *actors.SendError
			if err := a.failed[i].Err; !errors.As(err, &failure) || want != nil && !errors.Is(err, want) {
				t.Errorf("request %d: %v, want %v", a.failed[i].ID, err, want)
			}
		}
		if len(a.dispatched) != 1 || a.dispatched[0].Raw.Type != "GUILD_MEMBERS_CHUNK" {
			t.Errorf("dispatched: %d", len(a.dispatched))
		}
	})
}

// Failures: F89.
func TestPresences(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithShards(3), gatewaytest.WithMaxConcurrency(3))
		m := newManager(t, g)
		start(t, m)
		var all sync.WaitGroup
		var mu sync.Mutex
		sent, superseded := 0, 0
		for i := range 20 {
			all.Go(func() {
				_, err := events.UpdatePresence{Activities: []events.Activity{{Name: fmt.Sprint(i)}}}.SendEvent(t.Context(), m)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					sent++
				case errors.Is(err, actors.ErrSuperseded):
					superseded++
				default:
					t.Error(err)
				}
			})
			pass(10 * time.Millisecond)
		}
		all.Wait()
		pass(time.Second)
		if sent != 6 || superseded != 14 {
			t.Errorf("sent %d, superseded %d, want 6 and 14", sent, superseded)
		}
		for shard := range 3 {
			var times []time.Time
			var last string
			for _, f := range g.Frames(shard) {
				if f.Op == events.OpPresenceUpdate {
					times, last = append(times, f.At), string(f.Data)
				}
			}
			if len(times) != 6 || times[5].Sub(times[0]) < 20*time.Second || !strings.Contains(last, `"19"`) {
				t.Errorf("shard %d: %d presences, the last %s", shard, len(times), last)
			}
		}
	})
}

// Failures: F87.
func TestWholeMemberListIsLimitedBeforeItIsAskedFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, gatewaytest.WithGuildsPerShard(1), gatewaytest.WithMembers(2500))
		m := newManager(t, g, shardmanager.WithIntents(events.IntentGuilds|events.IntentGuildMembers))
		start(t, m)
		ask := events.RequestGuildMembers{GuildID: gatewaytest.GuildOf(events.ShardID{Total: 1}, 0), Query: events.Ptr(""), Limit: events.Ptr(0)}
		members, err := ask.SendEvent(t.Context(), m)
		if err != nil || len(members.Members) != 2500 {
			t.Fatalf("%d members, %v", len(members.Members), err)
		}
		_, err = ask.SendEvent(t.Context(), m)
		var limited *events.RateLimitedError
		var failure *actors.SendError
		if !errors.As(err, &limited) || limited.RetryAfter != 30*time.Second || !errors.As(err, &failure) || !failure.Retryable() || failure.Sent() {
			t.Errorf("asked again: %v", err)
		}
		pass(limited.RetryAfter)
		if _, err = ask.SendEvent(t.Context(), m); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

// TestSecretsStayInside looks for the token and the session's secrets in everything that the
// manager says, over a life with all kinds of trouble.
//
// Failures: F149.
func TestSecretsStayInside(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const token = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"
		var log syncBuffer
		core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewDevelopmentEncoderConfig()), &log, zap.DebugLevel)
		g := newGateway(t, gatewaytest.WithShards(2), gatewaytest.WithMaxConcurrency(2), gatewaytest.WithGuildsPerShard(1), gatewaytest.WithToken(token))
		store := session.NewMemoryStore()
		m, err := shardmanager.New(token, shardmanager.WithGateway(g), shardmanager.WithLogger(zap.New(core)), shardmanager.WithSessionStore(store))
		if err != nil {
			t.Fatal(err)
		}
		shardmanager.OnRaw(m, func(_ context.Context, raw events.Raw, _ events.Meta) {
			if raw.Type == "MESSAGE_CREATE" {
				panic(string(raw.Data))
			}
		})
		start(t, m)
		pass(10 * time.Second)
		said := fmt.Sprintf("%+v %#v", m.Status(), m.Status())
		secrets := []string{token}
		for shard := range 2 {
			snapshot, err := store.Load(t.Context(), events.ShardID{Index: shard, Total: 2})
			if err != nil {
				t.Fatal(err)
			}
			secrets = append(secrets, snapshot.SessionID, snapshot.ResumeURL)
			said += fmt.Sprintf("%v %+v %#v", snapshot, snapshot, snapshot)
		}
		g.Shard(0).Dispatch("MESSAGE_CREATE", map[string]any{"content": "private words"})
		g.Shard(0).SendRaw([]byte(`{"op":0,"t":` + token))
		m.System().Root.Send(m.Supervisor(), actors.CrashShard{Key: shardKey(m, 1)})
		m.System().Root.Send(actor.NewPID("nonhost", "nobody"), &actors.SendEvent{Data: []byte(token)}) // a dead letter
		pass(time.Minute)
		g.Outage(true)
		_, err = events.RequestGuildMembers{GuildID: gatewaytest.GuildOf(events.ShardID{Index: 1, Total: 2}, 0), UserIDs: []events.Snowflake{1}, Nonce: token[:30]}.SendEvent(withTimeout(t), m)
		said += fmt.Sprintf("%v %+v %+v", err, err, m.Status())
		g.Outage(false)
		pass(time.Minute)
		g.Shard(0).Close(events.CloseAuthenticationFailed)
		<-m.Done()
		said += fmt.Sprintf("%v %+v", m.Err(), m.Status()) + log.String()
		pass(time.Second)
		for _, secret := range secrets {
			for _, form := range []string{secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret)), secret[:12]} {
				if strings.HasPrefix(form, "ws://") && len(form) == 12 {
					continue // the beginning of any URL
				}
				if i := strings.Index(said, form); i >= 0 {
					t.Errorf("a secret is shown: …%s…", said[max(0, i-200):min(len(said), i+60)])
				}
			}
		}
		if strings.Contains(said, "private words") {
			t.Error("a payload is shown")
		}
		if !strings.Contains(log.String(), "shard ready") {
			t.Error("nothing was logged: the test looks at nothing")
		}
	})
}

func withTimeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) Sync() error { return nil }

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
