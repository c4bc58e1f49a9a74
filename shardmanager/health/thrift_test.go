package health

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

func probe(t testing.TB, opts ...Option) *Probe {
	m, err := shardmanager.New("token")
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(m, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// statusOf is of so many shards, of which the first ones are away.
func statusOf(total, away int) *shardmanager.Status {
	status := &shardmanager.Status{Total: total, Shards: make([]shardmanager.ShardStatus, total)}
	for i := range status.Shards {
		s := &status.Shards[i]
		s.Shard, s.State, s.Session, s.Conn = events.ShardID{Index: i, Total: total}, session.Ready, 1, 1
		if i < away {
			s.State, s.Cause, s.Since, s.CauseSince = session.Backoff, session.ErrZombie, time.Now(), time.Now()
		}
	}
	return status
}

// TestAnswerIsGivenAgainForAsLongAsItHasCost: whoever asks all the time takes a small part of one CPU, and one that costs nothing is always new.
func TestAnswerIsGivenAgainForAsLongAsItHasCost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := probe(t)
		first := p.Readiness()
		if !p.until.Equal(time.Now()) {
			t.Errorf("an answer that took nothing is given again until %v", p.until)
		}
		p.until, p.seen.Reason = time.Now().Add(20*time.Millisecond), "as before"
		time.Sleep(19 * time.Millisecond)
		if r := p.Readiness(); r.Reason != "as before" {
			t.Errorf("looked at anew: %+v", r)
		}
		time.Sleep(time.Millisecond)
		if r := p.Readiness(); r.Reason != first.Reason {
			t.Errorf("not looked at anew: %+v", r)
		}
	})
}

// TestWhatIsKeptIsOfThoseAwayAlone: a shard that is back is forgotten.
func TestWhatIsKeptIsOfThoseAwayAlone(t *testing.T) {
	t.Parallel()
	p := probe(t)
	for _, away := range []int{0, 100, 100, 7, 0} {
		p.judge(looked{alive: true}, statusOf(100, away), time.Now())
		if len(p.marks) != away {
			t.Errorf("%d are away, and %d are kept", away, len(p.marks))
		}
	}
}

// TestMovesOfFewAreLookedAtForOneAnswer: the others' turn comes with the next ones.
func TestMovesOfFewAreLookedAtForOneAnswer(t *testing.T) {
	t.Parallel()
	p, status := probe(t), statusOf(1200, 1200)
	for _, want := range []int{500, 1000, 1200, 1200} {
		p.judge(looked{alive: true}, status, time.Now())
		exact := 0
		for _, m := range p.marks {
			if m.exact {
				exact++
			}
		}
		if exact != want {
			t.Errorf("the moves of %d were looked at, want %d", exact, want)
		}
	}
}

// TestTextsAreOnOneLine, and bounded.
func TestTextsAreOnOneLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain": "plain", "two\r\nlines\x1b[31m": "two  lines [31m", "bad \xff": "bad ", strings.Repeat("ü", 200): strings.Repeat("ü", 98) + "…",
	} {
		if got := oneLine(errors.New(text)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// BenchmarkJudge is what an answer costs beside the copy of Manager.Status, of which actors.BenchmarkStatus tells.
func BenchmarkJudge(b *testing.B) {
	for _, total := range []int{1000, 10_000} {
		for _, away := range []int{0, total / 100, total} {
			b.Run(fmt.Sprintf("shards=%d/away=%d", total, away), func(b *testing.B) {
				p, status, now := probe(b), statusOf(total, away), time.Now()
				b.ReportAllocs()
				for b.Loop() {
					p.judge(looked{alive: true}, status, now)
				}
			})
		}
	}
}

// TestRolesThatDoNotServeDoNotCount, in whatever state they are.
func TestRolesThatDoNotServeDoNotCount(t *testing.T) {
	t.Parallel()
	p := probe(t)
	status := statusOf(4, 3)
	status.Shards[0].Role, status.Shards[1].Role, status.Shards[2].Role = actors.Warming, actors.Retiring, actors.Retiring
	_, resharding := p.judge(looked{alive: true}, status, time.Now())
	if want := (Shards{Wanted: 1, Ready: 1}); p.seen.Shards != want || !p.seen.Ready || !resharding || p.seen.State != Resharding {
		t.Errorf("%+v", p.seen)
	}
}
