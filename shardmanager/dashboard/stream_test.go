package dashboard_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

type delta struct{ Is []int }
type gridTold struct {
	Looks string
	Sets  []struct {
		Total, First, Count, Step int
		Role                      string
	}
}
type newsTold struct {
	Left int
	News []struct {
		Index int
		Cause string
	}
}

// TestStreamTellsWhatChanges: first all shards, then those alone that have changed, and why within a second.
func TestStreamTellsWhatChanges(t *testing.T) {
	bubble(t, 16, func(t *testing.T, w *world) {
		v := w.l.view(t, ask{path: "/stream"})
		pass(time.Second)
		all, _, _ := v.take()
		grids := only[gridTold](t, all, "grid")
		if all[0].name != "hello" || len(grids) != 1 || grids[0].Looks != strings.Repeat("g", 16) || len(grids[0].Sets) != 1 || grids[0].Sets[0].Count != 16 {
			t.Fatalf("told %v", all)
		}
		pass(5 * time.Second)
		if all, _, _ := v.take(); len(only[delta](t, all, "delta")) != 0 || len(only[struct{}](t, all, "now")) != 5 {
			t.Errorf("nothing has changed, and it tells %v", all)
		}
		w.gateway.Shard(3).Drop()
		pass(time.Second)
		all, _, _ = v.take()
		news, deltas := only[newsTold](t, all, "news"), only[delta](t, all, "delta")
		if len(news) != 1 || news[0].News[0].Index != 3 || !strings.Contains(news[0].News[0].Cause, "connection lost") {
			t.Errorf("a second after the loss it tells %v", all)
		}
		if pass(time.Second); len(deltas) == 0 {
			all, _, _ = v.take()
			deltas = only[delta](t, all, "delta")
		}
		if len(deltas) != 1 || deltas[0].Is[0] != 3 || len(deltas[0].Is) != 3 {
			t.Errorf("one shard has changed, and it tells %v", deltas)
		}
	})
}

// TestAllAreTold: when all shards change at once a viewer is told of all of them in the end. TestStreamIsBounded has so many that the bound is reached.
func TestAllAreTold(t *testing.T) {
	const shards = 300
	bubble(t, shards, func(t *testing.T, w *world) {
		v := w.l.view(t, ask{path: "/stream"})
		pass(2 * time.Second)
		v.take()
		w.gateway.DropAll()
		changed := make(map[int]bool)
		for second := range 8 {
			pass(time.Second)
			all, bytes, _ := v.take()
			if bytes > 100_000 {
				t.Errorf("second %d: %d bytes", second, bytes)
			}
			for _, d := range only[delta](t, all, "delta") {
				for i := 0; i < len(d.Is); i += 3 {
					changed[d.Is[i]] = true
				}
			}
		}
		if len(changed) != shards {
			t.Errorf("%d of %d shards were told of", len(changed), shards)
		}
	})
}

// TestSlowViewerIsDropped: one who does not read costs nobody anything, and is gone ten seconds later; others are told all the time.
func TestSlowViewerIsDropped(t *testing.T) {
	bubble(t, 16, func(t *testing.T, w *world) {
		slow := w.l.do(t, ask{path: "/stream"}) // its body is not read
		defer slow.Body.Close()
		v := w.l.view(t, ask{path: "/stream"})
		pass(20 * time.Second)
		all, _, _ := v.take()
		nows := only[struct{ Viewers, Dropped int }](t, all, "now")
		if len(nows) < 19 {
			t.Errorf("the other one was told %d times in 20 s", len(nows))
		}
		if last := nows[len(nows)-1]; last.Viewers != 1 || last.Dropped != 1 {
			t.Errorf("then there are %d viewers, and %d were dropped", last.Viewers, last.Dropped)
		}
	})
}

// TestViewersAreCounted: one more than may look is refused, and let in when another has left.
func TestViewersAreCounted(t *testing.T) {
	bubble(t, 1, func(t *testing.T, w *world) {
		d := newDashboard(t, w, viewersOption(1))
		l := serve(t, d.Stream())
		v := l.view(t, ask{path: "/"})
		if status, h, body := l.get(t, ask{path: "/"}); status != http.StatusServiceUnavailable || h.Get("Retry-After") == "" || !strings.Contains(body, "WithViewers") {
			t.Errorf("the second gets %d: %s", status, body)
		}
		v.leave()
		pass(time.Second)
		l.view(t, ask{path: "/"})
	})
}

// TestStreamEndsWithTheManager: it says so, and ends.
func TestStreamEndsWithTheManager(t *testing.T) {
	bubble(t, 2, func(t *testing.T, w *world) {
		v := w.l.view(t, ask{path: "/stream"})
		pass(time.Second)
		if err := w.m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		all, _, over := v.take()
		if !over || !slices.Contains(all, told{"end", "{}"}) {
			t.Errorf("it goes on: %v, and has told %v", !over, all)
		}
	})
}

// TestWhatIsWrongIsTold: how many shards are not Ready for one cause, since when, and what to do; nothing when all are.
func TestWhatIsWrongIsTold(t *testing.T) {
	bubble(t, 16, func(t *testing.T, w *world) {
		type now struct {
			Serving, Ready, WrongElse int
			Wrong                     []struct {
				Count, Index, Total int
				Since               int64
				Cause, Do           string
			}
		}
		v := w.l.view(t, ask{path: "/stream"})
		latest := func() now {
			t.Helper()
			pass(2 * time.Second)
			all, _, _ := v.take()
			nows := only[now](t, all, "now")
			return nows[len(nows)-1]
		}
		if is := latest(); is.Ready != 16 || is.Serving != 16 || is.Wrong == nil || len(is.Wrong) != 0 {
			t.Errorf("all are Ready, and it tells %+v", is)
		}
		if err := w.m.Pause(t.Context(), 4, 5); err != nil {
			t.Fatal(err)
		}
		w.gateway.Shard(9).Close(events.CloseInvalidShard)
		pass(time.Second)
		w.gateway.Hang(true)
		at := time.Now().UnixMilli()
		for i := range 3 {
			w.gateway.Shard(i).Drop()
		}
		is := latest()
		if is.Ready != 10 || is.WrongElse != 0 || len(is.Wrong) != 3 {
			t.Fatalf("it tells %+v", is)
		}
		for i, want := range []struct {
			count, index int
			cause, do    string
		}{{3, 0, "connection lost", "tries again"}, {2, 4, "", "unpause"}, {1, 9, "4010", "another number of shards"}} {
			got := is.Wrong[i]
			if got.Count != want.count || got.Index != want.index || got.Total != 16 || !strings.Contains(got.Cause, want.cause) || (got.Cause == "") != (want.cause == "") || !strings.Contains(got.Do, want.do) {
				t.Errorf("it tells %+v, want %+v", got, want)
			}
		}
		if since := is.Wrong[0].Since; since < at || since > at+1000 {
			t.Errorf("it is so since %d, and was so at %d", since, at)
		}
		w.gateway.Shard(12).Close(events.CloseDisallowedIntents) // which is the end of all
		if is := latest(); len(is.Wrong) != 1 || is.Wrong[0].Total != 0 || !strings.Contains(is.Wrong[0].Cause, "developer portal") || !strings.Contains(is.Wrong[0].Do, "developer portal") {
			t.Errorf("after the end it tells %+v", is)
		}
	})
}
