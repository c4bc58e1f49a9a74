package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/shardmanager"
)

// TestStreamIsBounded: when 10,000 shards change again and again, each for a reason of its own, a viewer is told less than 100 KB in any second, as much as is
// allowed, and of all of them soon after the last change.
func TestStreamIsBounded(t *testing.T) {
	t.Parallel()
	const shards, storm, limit = 10_000, 3, 100_000
	d := &Dashboard{}
	d.life, d.end = context.WithCancel(t.Context())
	defer d.end()
	s := &d.seen
	s.wake = make(chan struct{})
	status := shardmanager.Status{Total: shards}
	for i := range shards {
		status.Shards = append(status.Shards, shardmanager.ShardStatus{Shard: events.ShardID{Index: i, Total: shards}, State: session.Ready, Since: time.Now().Add(-90 * 24 * time.Hour)})
	}
	v := &viewer{d: d}
	was := make(map[int]int) // looks, by shard, as the viewer was told
	news, left := 0, 0
	for second := range storm + shards/deltaLimit + 1 {
		sum := summary{Counts: make([]int, len(looks))}
		s.place(&status)
		for i := range status.Shards {
			shard := &status.Shards[i]
			if 0 < second && second <= storm {
				cause := fmt.Errorf("%d: %s", i, strings.Repeat("long ", 100))
				shard.State, shard.Since, shard.Cause = session.Backoff+session.State(second%2)-1, time.Now().Add(-time.Duration(second)*24*time.Hour), cause
				s.follow(shardmanager.Change{Shard: shard.Shard, Change: session.Change{From: session.Ready, To: session.Backoff, Cause: cause}})
			}
			s.slots[i].change(shard)
			sum.add(shard, s.slots[i].look, time.Now())
			if len(sum.Queue) < shownQueue {
				sum.Queue = append(sum.Queue, waiter{1, i, shards, 100, 1 << 20, 1 << 20})
			}
		}
		sum.Wrong, sum.WrongElse = sum.wrongs.told()
		s.now, _ = json.Marshal(sum)
		s.ticks++
		told, changed, newsNow := 0, 0, 0
		for range int(time.Second / pause) {
			text, _, _ := v.next()
			told += len(text)
			for _, each := range bytes.Split(text, []byte("\n\n")) {
				name, data, _ := bytes.Cut(bytes.TrimPrefix(each, []byte("event: ")), []byte("\ndata: "))
				var is struct {
					Is   []int
					News []any
					Left int
				}
				if len(data) > 0 && json.Unmarshal(data, &is) != nil {
					t.Fatalf("it tells %q", each)
				}
				left += is.Left
				if string(name) == "delta" {
					changed += len(is.Is) / 3
					for i := 0; i < len(is.Is); i += 3 {
						was[is.Is[i]] = is.Is[i+1]
					}
				}
				newsNow += len(is.News)
			}
		}
		news += newsNow
		switch {
		case told > limit:
			t.Errorf("second %d: %d bytes", second, told)
		case second == 0 && told < shards, second > 0 && second <= storm && (changed != deltaLimit || newsNow != newsLimit):
			t.Errorf("second %d: %d bytes, %d shards, %d news: the bound is not reached", second, told, changed, newsNow)
		}
	}
	for i := range status.Shards {
		if was[i] != int(status.Shards[i].State) {
			t.Fatalf("shard %d looks like %d to the viewer, and is %v", i, was[i], status.Shards[i].State)
		}
	}
	if news != storm*newsLimit || left != storm*(shards-newsLimit) {
		t.Errorf("%d news, and %d others", news, left)
	}
}

// TestLatestNews: of more than may be told at once a viewer is told the latest, and once.
func TestLatestNews(t *testing.T) {
	t.Parallel()
	d := &Dashboard{}
	d.seen.wake = make(chan struct{})
	v := &viewer{d: d}
	for i := range 2 * keptNews {
		d.seen.follow(shardmanager.Change{Shard: events.ShardID{Index: i, Total: 1000}, Change: session.Change{Cause: errors.New("lost")}})
	}
	if n := len(d.seen.news); n != keptNews {
		t.Errorf("%d news are kept", n)
	}
	text := string(v.unheard(nil))
	if !strings.Contains(text, `{"left":175,`) || !strings.Contains(text, `"index":199,`) || strings.Contains(text, `"index":174,`) {
		t.Errorf("it tells %s", text)
	}
	if text := v.unheard(nil); len(text) > 0 {
		t.Errorf("it tells again: %s", text)
	}
}

// TestWrongIsBounded: with more causes than are told apart all shards are counted, and the largest groups are told.
func TestWrongIsBounded(t *testing.T) {
	t.Parallel()
	var w wrongs
	for i := range 300 {
		cause := fmt.Errorf("%d", min(i, 200))
		w.add(&shardmanager.ShardStatus{Shard: events.ShardID{Index: i, Total: 300}, State: session.Backoff, Cause: cause}, int(session.Backoff))
	}
	w.add(&shardmanager.ShardStatus{State: session.Ready}, int(session.Ready))
	w.add(&shardmanager.ShardStatus{Role: actors.Warming}, int(session.Idle))
	all, rest := w.told()
	n := rest
	for _, group := range all {
		n += group.Count
	}
	if len(all) != shownWrong || n != 300 {
		t.Errorf("%d groups, %d shards", len(all), n)
	}
}

// TestRemedies: each state has something to do, and where there is nothing, that is said.
func TestRemedies(t *testing.T) {
	t.Parallel()
	closed := func(code events.CloseCode) shardmanager.ShardStatus {
		return shardmanager.ShardStatus{State: session.Closed, Cause: &session.CloseError{Code: code}}
	}
	for _, test := range []struct {
		s    shardmanager.ShardStatus
		want string
	}{
		{closed(events.CloseAuthenticationFailed), "token"},
		{closed(events.CloseShardingRequired), "more shards"},
		{closed(events.CloseDisallowedIntents), "developer portal"},
		{shardmanager.ShardStatus{Quarantined: true, Cause: actors.ErrQuarantined}, "mend what panics"},
		{shardmanager.ShardStatus{Mode: actors.Pause}, "unpause"},
		{shardmanager.ShardStatus{Mode: actors.Stop}, "unpause"},
		{shardmanager.ShardStatus{Mode: actors.Drain}, "Nothing"},
		{shardmanager.ShardStatus{Mode: actors.Release}, "another process"},
		{shardmanager.ShardStatus{State: session.Backoff, Cause: session.ErrTakenOver}, "end one of the two"},
		{shardmanager.ShardStatus{State: session.Queued, Cause: session.ErrInvalidSession}, "turn"},
		{shardmanager.ShardStatus{State: session.Connecting}, "about to connect"},
		{shardmanager.ShardStatus{State: session.Backoff, Cause: session.ErrZombie}, "tries again"},
	} {
		if got := remedy(&test.s, lookOf(&test.s)); !strings.Contains(got, test.want) {
			t.Errorf("%+v: %s", test.s, got)
		}
	}
}
