package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

const (
	needsMembers   = events.IntentGuildMembers
	needsPresences = events.IntentGuildPresences
	needsContent   = events.IntentMessageContent
	needsNothing   = events.IntentsUnprivileged
)

// application answers GET /applications/@me in a way of its own, and counts the questions.
type application struct {
	asked  atomic.Int64
	answer func(http.ResponseWriter) (handled bool)
}

// ways are the ways in which the application may answer; truth: it tells what is so.
var ways = map[string]struct {
	truth  bool
	answer func(http.ResponseWriter) bool
}{
	"tells":     {true, func(http.ResponseWriter) bool { return false }},
	"403":       {false, func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusForbidden); return true }},
	"404":       {false, func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusNotFound); return true }},
	"hangs":     {false, func(http.ResponseWriter) bool { time.Sleep(10 * time.Second); return true }},
	"nonsense":  {false, func(w http.ResponseWriter) bool { fmt.Fprint(w, `{"flags":"many"}`); return true }},
	"says no":   {false, func(w http.ResponseWriter) bool { fmt.Fprint(w, `{"flags":null}`); return true }},
	"lies: all": {false, func(w http.ResponseWriter) bool { fmt.Fprint(w, `{"flags":1e9,"flags":565248}`); return true }},
}

func (a *application) on(t *testing.T, g *gatewaytest.Server) {
	t.Cleanup(func() { pass(11 * time.Second) }) // it has hung up by then
	g.OnApplication(func(w http.ResponseWriter) bool { a.asked.Add(1); return a.answer(w) })
}

// identifiesOf counts the Identifies that were written, and those that the gateway refused because of their intents.
func identifiesOf(g *gatewaytest.Server, shards int) (written, refused int) {
	for i := range shards {
		for _, f := range g.Frames(i) {
			if f.Op == events.OpIdentify {
				written++
			}
		}
	}
	for _, v := range g.Violations() {
		if v.Rule == "intents" {
			refused++
		}
	}
	return written, refused
}

// onlyIntents fails if the gateway had anything else to complain of.
func onlyIntents(t *testing.T, g *gatewaytest.Server) {
	t.Helper()
	for _, v := range g.Violations() {
		if v.Rule != "intents" {
			t.Errorf("%v", v)
		}
	}
}

type leftOutHook struct {
	told chan shardmanager.IntentsLeftOut
}

func (h leftOutHook) OnIntentsLeftOut(e shardmanager.IntentsLeftOut) { h.told <- e }

const fleet = 16 // shards, and identify keys

// TestIntentsThatAreNotGranted: whatever the application's flags say, or do not say, at most one Identify is spent for what
// the gateway refuses, of 16 identify keys, and none for what is known to be refused.
//
// Failures: F36.
func TestIntentsThatAreNotGranted(t *testing.T) {
	for name, test := range map[string]struct {
		required, optional, allowed events.Intents
		missing                     events.Intents // of the required ones: the bot does not run
		leftOut                     events.Intents // when the application tells
	}{
		"required":                      {required: needsMembers, missing: needsMembers},
		"one of those required":         {required: needsMembers | needsContent, allowed: needsContent, missing: needsMembers},
		"optional":                      {optional: needsMembers | needsPresences, allowed: needsPresences, leftOut: needsMembers},
		"optional, all of them":         {optional: needsMembers | needsPresences | needsContent, leftOut: needsMembers | needsPresences | needsContent},
		"required and optional":         {required: needsContent | needsMembers, optional: needsMembers, allowed: needsContent, leftOut: needsMembers},
		"mixed, and a required is gone": {required: needsContent, optional: needsMembers, missing: needsContent},
	} {
		for answers, way := range ways {
			t.Run(name+"/"+answers, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					g := newGateway(t, gatewaytest.WithShards(fleet), gatewaytest.WithMaxConcurrency(fleet), gatewaytest.WithAllowedIntents(needsNothing|test.allowed))
					app := application{answer: way.answer}
					app.on(t, g)
					var before atomic.Int64 // the questions before the first Identify
					g.OnFrame(func(f gatewaytest.Frame) bool {
						before.CompareAndSwap(0, app.asked.Load())
						return false
					})
					hook := leftOutHook{make(chan shardmanager.IntentsLeftOut, 10)}
					m := newManager(t, g, shardmanager.WithIntents(needsNothing|test.required), shardmanager.WithOptionalIntents(test.optional), shardmanager.WithHooks(hook))
					began := time.Now()
					err := m.Start(t.Context())
					before.CompareAndSwap(0, app.asked.Load()) // there was none yet
					if took := time.Since(began); took > 4*time.Second || before.Load() != 1 {
						t.Errorf("Start has taken %v, and has asked %d times", took, before.Load())
					}
					var denied *shardmanager.IntentsError
					if test.missing != 0 && way.truth {
						if written, _ := identifiesOf(g, fleet); !errors.As(err, &denied) || denied.Missing != test.missing || denied.Err != nil || written != 0 {
							t.Errorf("Start: %v, after %d Identifies", err, written)
						}
						return
					}
					if err != nil && (test.missing == 0 || !errors.As(err, &denied)) { // who is refused at once may have ended before Start has
						t.Fatal(err)
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					ready := m.WaitReady(ctx)
					if test.missing != 0 {
						<-m.Done()
						var closed *session.CloseError
						if err := m.Err(); !errors.As(err, &denied) || denied.Missing != 0 || denied.Asked == 0 || !errors.As(err, &closed) || closed.Code != 4014 {
							t.Errorf("Err: %v", err)
						}
						if !errors.As(ready, &denied) {
							t.Errorf("WaitReady: %v", ready)
						}
						// Beside optional ones the second finds out that it was not for those.
						want := 1
						if test.optional != 0 {
							want = 2
						}
						if written, refused := identifiesOf(g, fleet); written != want || refused != want {
							t.Errorf("%d Identifies, %d refused, want %d", written, refused, want)
						}
						onlyIntents(t, g)
						return
					}
					if ready != nil {
						t.Fatalf("WaitReady: %v", ready)
					}
					leftOut, spent := test.optional, 1
					if way.truth {
						leftOut, spent = test.leftOut, 0
					}
					if written, refused := identifiesOf(g, fleet); written != fleet+spent || refused != spent {
						t.Errorf("%d Identifies, %d refused, want %d more than shards", written, refused, spent)
					}
					status := m.Status()
					if told := <-hook.told; told.Intents != leftOut || status.LeftOut != leftOut || (told.Err == nil) != way.truth {
						t.Errorf("told of %v (%v), the status says %v; want %v", told.Intents, told.Err, status.LeftOut, leftOut)
					}
					for _, shard := range status.Shards {
						if shard.Intents != (needsNothing|test.required|test.optional)&^leftOut {
							t.Errorf("shard %v has %v", shard.Shard, shard.Intents)
						}
					}
					onlyIntents(t, g)
				})
			})
		}
	}
}

// TestIntentsThatLapse: in mid-life the gateway ends sessions, or refuses the next: one session is refused, or a live one of each shard
// ended, and at most one Identify is spent.
//
// Failures: F36.
func TestIntentsThatLapse(t *testing.T) {
	for name, end := range map[string]struct {
		shards int
		spent  int // Identifies that are refused
		how    func(*gatewaytest.Server, int)
	}{
		"all end with 4014":    {fleet, 0, func(g *gatewaytest.Server, i int) { g.Shard(i).Close(4014) }},
		"one ends with 4014":   {1, 0, func(g *gatewaytest.Server, i int) { g.Shard(i).Close(4014) }},
		"all are invalidated":  {fleet, 1, func(g *gatewaytest.Server, i int) { g.Shard(i).InvalidSession(false) }},
		"some are invalidated": {3, 1, func(g *gatewaytest.Server, i int) { g.Shard(i).InvalidSession(false) }},
	} {
		for _, required := range []events.Intents{0, needsMembers} {
			for answers, way := range ways {
				t.Run(fmt.Sprintf("%s/required %v/%s", name, required, answers), func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						g := newGateway(t, gatewaytest.WithShards(fleet), gatewaytest.WithMaxConcurrency(fleet))
						m := newManager(t, g, shardmanager.WithIntents(needsNothing|required), shardmanager.WithOptionalIntents((needsMembers|needsPresences)&^required))
						start(t, m)
						pass(10 * time.Minute)
						app := application{answer: way.answer}
						app.on(t, g)
						g.SetAllowedIntents(needsNothing | needsPresences)
						for i := range end.shards {
							end.how(g, i)
						}
						pass(2 * time.Minute)
						written, refused := identifiesOf(g, fleet)
						second := 0
						if required != 0 && !way.truth {
							second = 1
						}
						if refused > end.spent+second || app.asked.Load() == 0 {
							t.Errorf("%d Identifies were refused, and the application was asked %d times", refused, app.asked.Load())
						}
						onlyIntents(t, g)
						var denied *shardmanager.IntentsError
						if required != 0 && way.truth {
							if err := m.Err(); !errors.As(err, &denied) || denied.Missing != required || denied.Err == nil || written != fleet+refused {
								t.Errorf("Err: %v, after %d Identifies", err, written)
							}
							return
						}
						if required != 0 { // it is tried without the optional ones, which were not the matter
							if err := m.Err(); !errors.As(err, &denied) || denied.Missing != 0 || written > fleet+end.spent+1 {
								t.Errorf("Err: %v, after %d Identifies", err, written)
							}
							return
						}
						leftOut := needsMembers | needsPresences
						if way.truth {
							leftOut = needsMembers
						}
						if status := m.Status(); status.Ready() != fleet || status.LeftOut != leftOut || app.asked.Load() != 1 {
							t.Errorf("%d are ready, without %v; the application was asked %d times", status.Ready(), status.LeftOut, app.asked.Load())
						}
						if written != fleet+end.shards+end.spent {
							t.Errorf("%d Identifies, %d refused", written, refused)
						}
					})
				})
			}
		}
	}
}

// TestFlagsThatGrantIntents: each of an approved application, and of a small one, grants one intent, by itself.
//
// Source: resources/application#application-object-application-flags
func TestFlagsThatGrantIntents(t *testing.T) {
	const all = needsMembers | needsPresences | needsContent
	for flag, grants := range map[int64]events.Intents{
		1 << 12: needsPresences, 1 << 13: needsPresences, 1 << 14: needsMembers, 1 << 15: needsMembers, 1 << 18: needsContent, 1 << 19: needsContent,
		0: 0, 1: 0, 1 << 11: 0, 1 << 16: 0, 1 << 17: 0, 1 << 20: 0, 1<<12 | 1<<19: needsPresences | needsContent,
	} {
		t.Run(fmt.Sprint(flag), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				g.OnApplication(func(w http.ResponseWriter) bool { fmt.Fprintf(w, `{"flags":%d}`, flag); return true })
				m := newManager(t, g, shardmanager.WithIntents(needsNothing|all))
				err := m.Start(t.Context())
				var denied *shardmanager.IntentsError
				if !errors.As(err, &denied) || denied.Missing != all&^grants {
					t.Errorf("Start: %v, want all but %v", err, grants)
				}
			})
		})
	}
}

// TestFlagsThatNoApplicationHasAreNotBelieved: nothing is left out for them, and Start does not refuse intents that the gateway grants.
func TestFlagsThatNoApplicationHasAreNotBelieved(t *testing.T) {
	for _, flags := range []string{"-1", "-4096", "-2147483648", "9007199254740992", "1e300", "-1e300", "true", "[]", "565248, \"flags\":-4096"} {
		t.Run(flags, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				g.OnApplication(func(w http.ResponseWriter) bool { fmt.Fprintf(w, `{"flags":%s}`, flags); return true })
				m := newManager(t, g, shardmanager.WithIntents(needsNothing|needsMembers), shardmanager.WithOptionalIntents(needsContent))
				start(t, m)
				if intents := m.Status().Shards[0].Intents; intents != needsNothing|needsMembers|needsContent {
					t.Errorf("the session has %v", intents)
				}
			})
		})
	}
}
