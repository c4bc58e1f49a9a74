package shardmanager_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/ratelimit"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const canary = "Q7fJ2xVb9LrT4mWz.Kd8+Ys/3&Hc=5N\"eGu1~PoA6BiXtEvR0"

// findSecret looks for a secret in what was said: as it is, in the usual encodings, and by any 12
// bytes of it.
func findSecret(t *testing.T, where, said, secret string) {
	t.Helper()
	quoted, _ := json.Marshal(secret)
	forms := []string{
		url.QueryEscape(secret), url.PathEscape(secret), string(quoted[1 : len(quoted)-1]), fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret),
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
		forms = append(forms, encoding.EncodeToString([]byte(secret)))
	}
	for i := 0; i+12 <= len(secret); i++ {
		forms = append(forms, secret[i:i+12])
	}
	for _, form := range forms {
		if i := strings.Index(said, form); i >= 0 {
			t.Errorf("%s: a secret is shown: …%s…", where, said[max(0, i-200):min(len(said), i+80)])
			return
		}
	}
}

// print is a value in every way in which somebody may print it.
func print(value any) string {
	text := ""
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text += fmt.Sprintf(verb+"\n", value)
	}
	if data, err := json.Marshal(value); err == nil {
		text += string(data)
	}
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	if line, err := encoder.EncodeEntry(zapcore.Entry{}, []zap.Field{zap.Any("value", value)}); err == nil {
		text += line.String()
	}
	return text
}

// TestValuesDoNotPrintSecrets prints every exported value that holds one. Only a Snapshot shows
// them in JSON, which is how a Store may keep it.
//
// Failures: F149, F160.
func TestValuesDoNotPrintSecrets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m, err := shardmanager.New(canary, shardmanager.WithGateway(g), shardmanager.WithLogger(zap.NewNop()))
		if err != nil {
			t.Fatal(err)
		}
		start(t, m)
		defer closeNow(t, m)
		identify := events.Identify{Token: canary}
		cfg := actors.SupervisorConfig{Identify: identify, URL: g.URL, Limiter: ratelimit.Local(ratelimit.SessionStart{Total: 1, Remaining: 1, MaxConcurrency: 1})}
		fleet, err := actors.NewSupervisor(cfg)
		if err != nil {
			t.Fatal(err)
		}
		cursor := &session.Cursor{SessionID: canary, ResumeURL: canary}
		snapshot := session.Snapshot{Shard: events.ShardID{Total: 1}, SessionID: canary, ResumeURL: canary}
		store := session.NewMemoryStore()
		if err := store.Save(t.Context(), snapshot); err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]any{
			"manager": m, "status": m.Status(), "identify": identify, "resume": events.Resume{Token: canary, SessionID: canary},
			"supervisor config": cfg, "fleet": fleet, "cursor": cursor, "store": store, "ready": &events.Ready{SessionID: canary, ResumeGatewayURL: canary},
			"config": session.Config{Identify: identify, Cursor: cursor}, "secret": events.Secret(canary), "start": actors.StartShards{Total: 1},
		} {
			findSecret(t, name, print(value), canary)
			findSecret(t, name+" in a slice", print([]any{value}), canary)
		}
		findSecret(t, "snapshot", fmt.Sprintf("%v %+v %#v %s %q", snapshot, snapshot, snapshot, snapshot, snapshot), canary)
	})
}

// TestPanicsDoNotShowSecrets: code of the user's panics inside a shard's actor, with an error and
// with a string that quote the token.
//
// Failures: F149, F160.
func TestPanicsDoNotShowSecrets(t *testing.T) {
	for name, value := range map[string]any{"error": fmt.Errorf("cannot use %s", canary), "string": "cannot use " + canary} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var log syncBuffer
				core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewDevelopmentEncoderConfig()), &log, zap.DebugLevel)
				g := newGateway(t)
				var armed atomic.Bool
				m := newManager(t, g, shardmanager.WithLogger(zap.New(core)), shardmanager.WithActorProps(func(key actors.Key) []actor.PropsOption {
					shard := indexOf(key)
					return []actor.PropsOption{actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
						return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
							if shard >= 0 && armed.Swap(false) {
								panic(value)
							}
							next(ctx, envelope)
						}
					})}
				}))
				var said string
				start(t, m)
				armed.Store(true)
				g.Shard(0).Dispatch("X", 1)
				pass(10 * time.Millisecond)
				said += print(m.Status())
				pass(time.Minute)
				said += print(m.Status()) + log.String()
				findSecret(t, "a panic", said, canary)
				if !strings.Contains(said, "crashed") {
					t.Error("nothing is said of the crash: the test looks at nothing")
				}
				wantResumed(t, g, m, 1)
			})
		})
	}
}

// transportFunc is an http.RoundTripper.
type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestDiscoveryErrorsDoNotShowSecrets: the ways in which GET /gateway/bot fails.
//
// Failures: F149, F150.
func TestDiscoveryErrorsDoNotShowSecrets(t *testing.T) {
	answer := func(status int, body, location string) transportFunc {
		return func(r *http.Request) (*http.Response, error) {
			w := http.Response{StatusCode: status, Header: http.Header{"Location": {location}}, Body: http.NoBody, Request: r}
			w.Body = readCloser{strings.NewReader(body)}
			return &w, nil
		}
	}
	const token = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs" // fit for a header
	for name, do := range map[string]transportFunc{
		"no connection": func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") },
		"redirect":      answer(302, "", "https://evil.example/"+token),
		"unauthorized":  answer(401, token, ""),
		"not found":     answer(404, token, ""),
		"not JSON":      answer(200, token, ""),
		"hostile URL":   answer(200, `{"url":"wss://evil.example/`+token+`","shards":1,"session_start_limit":{"total":1,"remaining":1,"max_concurrency":1}}`, ""),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var log syncBuffer
				core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewDevelopmentEncoderConfig()), &log, zap.DebugLevel)
				var dials, strange atomic.Int64
				client := &http.Client{Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
					if r.URL.Host != "discord.com" {
						strange.Add(1)
					}
					return do(r)
				})}
				m, err := shardmanager.New(token, shardmanager.WithHTTPClient(client), shardmanager.WithLogger(zap.New(core)),
					shardmanager.WithNetDial(func(context.Context, string, string) (net.Conn, error) {
						dials.Add(1)
						return nil, errors.New("no")
					}))
				if err != nil {
					t.Fatal(err)
				}
				err = m.Start(withTimeout(t))
				if err == nil || dials.Load() != 0 || strange.Load() != 0 {
					t.Errorf("%v, %d dials, %d requests to strangers", err, dials.Load(), strange.Load())
				}
				findSecret(t, name, print(err)+fmt.Sprint(err, m.Err())+log.String(), token)
			})
		})
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// TestBombInEveryReplayEndsTheSession: a gateway that answers every Resume with what cannot be inflated is not
// resumed for ever: after three times the session is given up.
//
// Failures: F151.
func TestBombInEveryReplayEndsTheSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		m := newManager(t, g)
		start(t, m)
		var resumes atomic.Int64
		g.OnFrame(func(f gatewaytest.Frame) bool {
			if f.Op != events.OpResume {
				return false
			}
			resumes.Add(1)
			g.SendTo(f.Conn, []byte(`{"op":0`)) // ends in the middle: as a bomb does, it ends the connection
			return true
		})
		g.Shard(0).Drop()
		pass(10 * time.Minute)
		if s := g.Stats(); resumes.Load() != 3 || s.Identifies != 2 || m.Status().Ready() != 1 {
			t.Errorf("%d resumes, %d identifies, %d ready", resumes.Load(), s.Identifies, m.Status().Ready())
		}
	})
}
