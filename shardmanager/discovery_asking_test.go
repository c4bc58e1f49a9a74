package shardmanager_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/session/gatewaytest"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// questions notes when a gateway's discovery is asked, and has f answer the first of them, if f is not nil.
type questions struct {
	mu sync.Mutex
	at []time.Time
}

func questionsOf(g *gatewaytest.Server, first int, f func(http.ResponseWriter)) *questions {
	q := new(questions)
	g.OnDiscovery(func(w http.ResponseWriter) bool {
		q.mu.Lock()
		q.at = append(q.at, time.Now())
		mine := len(q.at) <= first
		q.mu.Unlock()
		if mine {
			f(w)
		}
		return mine
	})
	return q
}

// gaps are the times between the questions.
func (q *questions) gaps() (gaps []time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := 1; i < len(q.at); i++ {
		gaps = append(gaps, q.at[i].Sub(q.at[i-1]))
	}
	return gaps
}

// TestRefusalIsFinalUnlessItSaysUntilWhen: what the bot has done wrong is not asked again, what the server has done wrong is.
func TestRefusalIsFinalUnlessItSaysUntilWhen(t *testing.T) {
	for _, test := range []struct {
		status int
		wait   string // Retry-After
		again  bool
	}{
		{400, "", false}, {403, "", false}, {404, "", false}, {499, "", false},
		{400, "5", true}, {403, "5", true}, {429, "5", true},
		{302, "", false}, {302, "5", false}, {500, "", true}, {503, "", true}, {503, "5", true},
	} {
		t.Run(fmt.Sprint(test.status, test.wait), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				asked := questionsOf(g, 1, func(w http.ResponseWriter) {
					if test.wait != "" {
						w.Header().Set("Retry-After", test.wait)
					}
					w.WriteHeader(test.status)
				})
				m := newManager(t, g)
				began := time.Now()
				err := m.Start(t.Context())
				gaps := asked.gaps()
				if test.again {
					least := 500 * time.Millisecond
					if test.wait != "" {
						least = 5 * time.Second
					}
					if err != nil || len(gaps) != 1 || gaps[0] < least || gaps[0] > least+time.Second {
						t.Errorf("Start: %v, with %v between the questions", err, gaps)
					}
					return
				}
				var failed *shardmanager.DiscoveryError
				if !errors.As(err, &failed) || failed.Status != test.status || failed.Until.IsZero() != (test.wait == "") || len(gaps) != 0 || time.Since(began) > 0 {
					t.Errorf("Start after %v: %v, with %v between the questions", time.Since(began), err, gaps)
				}
			})
		})
	}
}

// TestQuestionThatHangsIsGivenUp: after 15 seconds at the latest, whether nothing of the answer comes or only a part, at the
// start and later.
func TestQuestionThatHangsIsGivenUp(t *testing.T) {
	for name, begin := range map[string]func(http.ResponseWriter) error{
		"no answer": func(http.ResponseWriter) error { return nil },
		"half an answer": func(w http.ResponseWriter) error {
			_, err := w.Write([]byte(`{"url":`))
			return errors.Join(err, http.NewResponseController(w).Flush())
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				let := make(chan struct{})
				t.Cleanup(func() { close(let) })
				hang := func(w http.ResponseWriter) {
					if err := begin(w); err != nil {
						t.Error(err)
					}
					<-let
				}
				asked := questionsOf(g, 1, hang)
				var down atomic.Bool
				m := newManager(t, g, shardmanager.WithNetDial(func(ctx context.Context, network, addr string) (net.Conn, error) {
					if down.Load() {
						return nil, errors.New("no route")
					}
					return g.DialContext(ctx, network, addr)
				}))
				start(t, m)
				if gaps := asked.gaps(); len(gaps) != 1 || gaps[0] < 10*time.Second || gaps[0] > 16*time.Second {
					t.Errorf("at the start there are %v between the questions", gaps)
				}
				asked = questionsOf(g, 1, hang)
				down.Store(true) // dials fail: discovery is asked
				g.DropAll()
				pass(2 * time.Minute)
				if gaps := asked.gaps(); len(gaps) != 1 || gaps[0] < 70*time.Second || gaps[0] > 76*time.Second {
					t.Errorf("later there are %v between the questions", gaps)
				}
				down.Store(false)
				pass(time.Minute)
				if m.Status().Ready() != 1 {
					t.Errorf("%+v", m.Status())
				}
			})
		})
	}
}

// TestQuestionsAreHalfASecondApart: also when the first of them failed at once, and with any seed.
func TestQuestionsAreHalfASecondApart(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				asked := questionsOf(g, 5, func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) })
				m := newManager(t, g, shardmanager.WithSeed(seed))
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if err := m.Start(ctx); err != nil {
					t.Error(err)
				}
				gaps := asked.gaps()
				if len(gaps) != 5 {
					t.Errorf("%d questions, want 6", len(gaps)+1)
				}
				for _, gap := range gaps {
					if gap < 500*time.Millisecond || gap > 30*time.Second {
						t.Errorf("%v between two questions", gap)
					}
				}
			})
		})
	}
}

// TestBotWithOneIdentifyADayStarts.
func TestBotWithOneIdentifyADayStarts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		questionsOf(g, math.MaxInt, func(w http.ResponseWriter) { _, _ = w.Write(answer(g, "total", 1)) })
		start(t, newManager(t, g, shardmanager.WithIdentifyReserve(0)))
	})
}

// TestWaitsBeyondADayAreToldAsADay: who is told to come back in a thousand years asks again tomorrow.
func TestWaitsBeyondADayAreToldAsADay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		questionsOf(g, 1, func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "1e300")
			w.WriteHeader(http.StatusTooManyRequests)
		})
		m := newManager(t, g)
		var failed *shardmanager.DiscoveryError
		if err := m.Start(t.Context()); !errors.As(err, &failed) || time.Until(failed.Until) != 24*time.Hour {
			t.Errorf("Start: %v, want an error that names tomorrow", err)
		}
	})
}

// TestStartWhoseTimeIsUpSaysWhatWentWrongBefore: the question that was under way says no more than that the time is up.
func TestStartWhoseTimeIsUpSaysWhatWentWrongBefore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		asked := 0
		questionsOf(g, 2, func(w http.ResponseWriter) {
			if asked++; asked > 1 {
				time.Sleep(12 * time.Second)
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		m := newManager(t, g)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var failed *shardmanager.DiscoveryError
		if err := m.Start(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &failed) || failed.Status != http.StatusServiceUnavailable {
			t.Errorf("Start: %v, want that the time is up, and the status before", err)
		}
		pass(5 * time.Second) // the gateway's handler ends
	})
}

// TestDiscoveryReadsNumbersInEveryNotation.
func TestDiscoveryReadsNumbersInEveryNotation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		g.OnDiscovery(func(w http.ResponseWriter) bool {
			_, _ = fmt.Fprintf(w, `{"url":%q,"shards":2.0,"session_start_limit":{"total":1e3,"remaining":1000.0,"reset_after":14400000.0,"max_concurrency":10e-1}}`, g.URL)
			return true
		})
		m := newManager(t, g)
		start(t, m)
		if n := m.Status().Total; n != 2 {
			t.Errorf("%d shards", n)
		}
	})
}

// TestLongRetryAfterIsTheCallers: Start waits for a minute, and returns at once with the time if it is to be longer.
func TestLongRetryAfterIsTheCallers(t *testing.T) {
	for wait, waits := range map[int]bool{1: true, 59: true, 60: true, 61: false, 90: false, 3600: false} {
		t.Run(fmt.Sprint(wait), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				asked := questionsOf(g, 1, func(w http.ResponseWriter) {
					w.Header().Set("Retry-After", fmt.Sprint(wait))
					w.WriteHeader(http.StatusServiceUnavailable)
				})
				told := heard{make(chan shardmanager.Discovery, 10)}
				m := newManager(t, g, shardmanager.WithHooks(told))
				began := time.Now()
				err := m.Start(t.Context())
				if d := <-told.all; d.Attempt != 1 || d.Err == nil || d.Retry.IsZero() == waits {
					t.Errorf("the question that failed was told as %+v", d)
				}
				if waits {
					if gaps := asked.gaps(); err != nil || len(gaps) != 1 || gaps[0] < time.Duration(wait)*time.Second {
						t.Errorf("Start: %v, with %v between the questions", err, gaps)
					}
					return
				}
				var failed *shardmanager.DiscoveryError
				if !errors.As(err, &failed) || failed.Until.Sub(began) != time.Duration(wait)*time.Second || time.Since(began) > 0 {
					t.Errorf("Start after %v: %v", time.Since(began), err)
				}
			})
		})
	}
}
