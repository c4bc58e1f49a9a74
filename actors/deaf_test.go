package actors

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/signalbox-go/signalbox/events"
)

// listener tells a policy what shards hear, window by window.
type listener struct {
	*deafness
	now time.Time
	all []heard
}

func newListener(policy DeafSession, shards int) *listener {
	l := &listener{deafness: newDeafness(policy), now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	for index := range shards {
		l.all = append(l.all, heard{key: Key{Shard: events.ShardID{Index: index, Total: shards}}})
	}
	l.window(l.now, l.all, 0) // from here on it counts
	return l
}

// hear lets a window pass with so many events of each shard; nothing: it is not Ready all the time.
func (l *listener) hear(counts []int, spare int) []ShardDeaf {
	l.now = l.now.Add(l.Window)
	for i, n := range counts {
		if l.all[i].whole = n != nothing; l.all[i].whole {
			l.all[i].seq += int64(n)
		}
	}
	return l.window(l.now, l.all, spare)
}

// TestDeafSessions: each shard is a row of windows, "1000x20" is twenty with 1000 events, "-" one in which it is not Ready all the time.
func TestDeafSessions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		policy DeafSession
		spare  int
		shards []string
		want   string
	}{
		{name: "a Resume helps", spare: 9, shards: []string{"1000x20 0 - 1000x9", "1000x31"}, want: "21 0 resumed"},
		{name: "a Resume does not help", spare: 9, shards: []string{"1000x20 0 - 0 - 1000x9", "1000x32"}, want: "21 0 resumed, 23 0 reidentified"},
		{name: "nothing helps: it is quiet", spare: 9, shards: []string{"1000x20 0 - 0 - 0 0x60", "1000x99"}, want: "21 0 resumed, 23 0 reidentified, 25 0 believed"},
		{
			name: "once a day a new session, whatever comes of it", spare: 9,
			shards: []string{"1000x20 0 - 0 - 1000x40 0 - 0 - 0x9 1000x800 0 - 0 - 1000", "1000x999"},
			want:   "21 0 resumed, 23 0 reidentified, 878 0 resumed, 880 0 reidentified",
		},
		{name: "the budget does not allow it", spare: 0, shards: []string{"1000x20 0 - 0x9", "1000x31"}, want: "21 0 resumed, 23 0 unaffordable"},
		{name: "the window in which it goes deaf is no past", spare: 9, shards: []string{"1000x20 30 0 - 1000x9", "1000x31"}, want: "22 0 resumed"},
		{name: "few are left of many", spare: 9, shards: []string{"1000x20 19 - 19 - 1000x9", "1000x31"}, want: "21 0 resumed, 23 0 reidentified"},
		{name: "some are left", spare: 9, shards: []string{"1000x20 25x9", "1000x31"}},
		{name: "always quiet", spare: 9, shards: []string{"99x20 0x20", "1000x40"}},
		{name: "as many as it takes", spare: 9, shards: []string{"100x20 0 - 100", "1000x40"}, want: "21 0 resumed"},
		{name: "less is asked for", spare: 9, policy: DeafSession{Least: 50}, shards: []string{"50x20 0 - 100", "1000x40"}, want: "21 0 resumed"},
		{name: "a burst now and then", spare: 9, shards: []string{strings.Repeat("1000x5 0 ", 9), "1000x60"}},
		{name: "all go quiet", spare: 9, shards: []string{"1000x20 0x20", "1000x20 10x20", "500x20 0x20"}},
		{name: "most go quiet", spare: 9, shards: []string{"1000x20 0x9", "1000x20 0x9", "1000x29"}},
		{name: "all go quiet by and by, as at night, and one at once", spare: 9, shards: []string{"1000x20 800x5 600x5 400x5 0 - 300x9", "1000x20 800x5 600x5 400x5 350 350 300x9"}, want: "36 0 resumed"},
		{name: "alone", spare: 9, shards: []string{"1000x20 0x20"}},
		{name: "beside those that are always quiet", spare: 9, shards: []string{"1000x20 0x20", "9x40", "0x40"}},
		{name: "too early to be known", spare: 9, shards: []string{"1000x13 0x20", "1000x34"}},
		{name: "known by one window that is quiet", spare: 9, shards: []string{"1000x14 0 0 - 1000x20", "1000x37"}, want: "16 0 resumed"},
		{name: "little in three of thirty", spare: 9, shards: []string{"1000x27 30x3 0 - 1000x9", "1000x41"}, want: "31 0 resumed"},
		{name: "little in four of thirty", spare: 9, shards: []string{"1000x26 30x4 0x9", "1000x41"}},
		{name: "known", spare: 9, shards: []string{"1000x15 0 - 1000x20", "1000x37"}, want: "16 0 resumed"},
		{name: "away for too long to be known", spare: 9, shards: []string{"1000x20 " + strings.Repeat("- ", 20) + "0x5", "1000x45"}},
		{
			name: "no more than three at a time", spare: 9,
			shards: []string{"1000x20 0 - 1000x9", "1000x20 0 - 1000x9", "1000x20 0 - 1000x9", "1000x22 0 - 1000x9", "1000x20 0 0 0 - 0 - 1000x9", "1000x31", "1000x31", "1000x31", "1000x31"},
			want:   "21 0 resumed, 21 1 resumed, 21 2 resumed, 23 3 resumed, 23 4 resumed, 25 4 reidentified",
		},
		{
			name: "one at a time", spare: 9, policy: DeafSession{AtOnce: 1},
			shards: []string{"1000x20 0 - 0 - 1000x9", "1000x20 0x4 0 - 1000x9", "1000x31", "1000x31"},
			want:   "21 0 resumed, 23 0 reidentified, 25 1 resumed",
		},
		{
			name: "one that cannot be afforded takes nobody's turn", spare: 0, policy: DeafSession{AtOnce: 1},
			shards: []string{"1000x20 0 - 0x9", "1000x22 0 - 1000x9", "1000x40", "1000x40", "1000x40"},
			want:   "21 0 resumed, 23 0 unaffordable, 23 1 resumed",
		},
		{
			name: "for one Identify more than the reserve", spare: 1,
			shards: []string{"1000x20 0 - 0 - 1000x9", "1000x20 0 - 0 0 1000x9", "1000x40", "1000x40"},
			want:   "21 0 resumed, 21 1 resumed, 23 0 reidentified, 23 1 unaffordable, 24 1 reidentified",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var rows [][]int
			windows := 0
			for _, text := range c.shards {
				row := row(t, text)
				rows, windows = append(rows, row), max(windows, len(row))
			}
			l := newListener(c.policy, len(rows))
			var told []string
			for w := range windows {
				counts := make([]int, len(rows))
				for i, row := range rows {
					counts[i] = row[min(w, len(row)-1)]
				}
				for _, deaf := range l.hear(counts, c.spare) {
					told = append(told, fmt.Sprintf("%d %d %v", w+1, deaf.Key.Shard.Index, deaf.Step))
					if deaf.Heard != counts[deaf.Key.Shard.Index] || !deaf.At.Equal(l.now) || deaf.Usual < l.Least {
						t.Errorf("%+v, of %v", deaf, counts)
					}
				}
			}
			if got := strings.Join(told, ", "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func row(t *testing.T, text string) (row []int) {
	for _, word := range strings.Fields(text) {
		if word == "-" {
			row = append(row, nothing)
			continue
		}
		count, times, many := strings.Cut(word, "x")
		n, err := strconv.Atoi(count)
		m := 1
		if err == nil && many {
			m, err = strconv.Atoi(times)
		}
		if err != nil {
			t.Fatal(err)
		}
		row = append(row, slices.Repeat([]int{n}, m)...)
	}
	return row
}

// TestDeafnessNeverBlamesAShardForAll: whatever shards hear, nothing is done about one while most hear as little of what they are used to,
// or that has always been quiet; no more are treated at a time than the policy allows, and no more new sessions begun than the budget
// and the day allow.
func TestDeafnessNeverBlamesAShardForAll(t *testing.T) {
	t.Parallel()
	acted := 0
	rapid.Check(t, func(t *rapid.T) {
		shards := rapid.IntRange(1, 8).Draw(t, "shards")
		l := newListener(DeafSession{AtOnce: rapid.IntRange(1, 3).Draw(t, "at once")}, shards)
		most := make([]int, shards)        // that each has ever heard
		usual := make([]int, shards)       // rates
		renewed := make(map[int]time.Time) // the latest new session
		for i := range usual {
			usual[i] = rapid.SampledFrom([]int{0, 5, 99, 100, 1000, 50_000}).Draw(t, "usual")
		}
		for range rapid.IntRange(1, 12).Draw(t, "spells") {
			mood := rapid.SampledFrom([]string{"usual", "usual", "quiet", "each"}).Draw(t, "mood")
			spell := make([]string, shards)
			for i := range spell {
				spell[i] = mood
				if mood == "each" {
					spell[i] = rapid.SampledFrom([]string{"usual", "usual", "quiet", "away", "few"}).Draw(t, "one")
				}
			}
			for range rapid.SampledFrom([]int{1, 2, 5, 20}).Draw(t, "windows") {
				counts := make([]int, shards)
				livelyOnes := 0
				for i := range counts {
					counts[i] = map[string]int{"usual": usual[i], "quiet": 0, "away": nothing, "few": usual[i] / 100}[spell[i]]
					if most[i] = max(most[i], counts[i]); counts[i]*2 >= l.Least { // by what it is used to at the latest
						livelyOnes++
					}
				}
				spare := rapid.IntRange(0, 2).Draw(t, "spare")
				new := 0
				for _, deaf := range l.hear(counts, spare) {
					i := deaf.Key.Shard.Index
					acted++
					if livelyOnes == 0 {
						t.Fatalf("%v, and nobody hears much: %v", deaf, counts)
					}
					if most[i] < 100 || counts[i]*50 > most[i] {
						t.Fatalf("%v: it hears %d, and never more than %d", deaf, counts[i], most[i])
					}
					if deaf.Step == DeafReidentified {
						if at, before := renewed[i]; before && l.now.Sub(at) < 24*time.Hour {
							t.Fatalf("%v: a second one within %v", deaf, l.now.Sub(at))
						}
						renewed[i] = l.now
						new++
					}
				}
				if new > spare {
					t.Fatalf("%d new sessions, and the budget allows %d", new, spare)
				}
				under := 0
				for _, h := range l.shards {
					if h.treated() {
						under++
					}
				}
				if under > l.AtOnce {
					t.Fatalf("%d are treated at a time", under)
				}
			}
		}
	})
	if acted == 0 {
		t.Error("nothing was ever done")
	}
}

// TestDeafSessionsWindowIsASecondAtLeast, or 0, which is the default.
func TestDeafSessionsWindowIsASecondAtLeast(t *testing.T) {
	t.Parallel()
	for window, valid := range map[time.Duration]bool{-1: false, 0: true, 1: false, time.Second - 1: false, time.Second: true, time.Hour: true} {
		if err := (DeafSession{Window: window}).Validate(); (err == nil) != valid {
			t.Errorf("%v: %v", window, err)
		}
	}
}
