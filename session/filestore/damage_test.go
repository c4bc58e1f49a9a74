package filestore_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest/observer"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
	"github.com/signalbox-go/signalbox/session/filestore"
)

var (
	damageFiles = flag.Int("damage.files", 150, "how many files TestDamage damages")
	damageSeed  = flag.Uint64("damage.seed", 1, "of TestDamage's random numbers")
)

const damagedShards = 64

// history is a store that was in use: what is in its file, and what it was before.
type history struct {
	opts    []filestore.Option
	whole   []byte
	earlier []byte // the same file, some saves before
	other   []byte // of another bot
	latest  int64  // sequence of all shards
	noted   bool   // it has a note
}

func snapshots(seq int64) (all []session.Snapshot) {
	for index := range damagedShards {
		all = append(all, session.Snapshot{
			Shard: events.ShardID{Index: index, Total: damagedShards}, SessionID: fmt.Sprintf("canary-%d", index), ResumeURL: "wss://canary-host.discord.gg",
			Seq: seq, Bot: 5, Exact: true, SavedAt: time.Unix(1_700_000_000+seq, 5).UTC(),
		})
	}
	return all
}

func noteAt(seq int64) []byte { return fmt.Appendf(nil, "canary-note-%d", seq) }

func newHistory(t *testing.T, opts ...filestore.Option) history {
	t.Helper()
	h := history{opts: opts, latest: 9, noted: true}
	path := file(t)
	s := open(t, path, opts...)
	must(t, s.SaveLedger(t.Context(), spent))
	for seq := range h.latest + 1 {
		all := snapshots(seq)
		must(t, s.Save(t.Context(), all[:damagedShards/2]...), s.SaveNote(t.Context(), noteAt(seq)), s.Save(t.Context(), all[damagedShards/2:]...))
		if seq == 5 {
			var err error
			h.earlier, err = os.ReadFile(path)
			must(t, err)
		}
	}
	must(t, s.SaveLedger(t.Context(), spent), s.Close())
	var err error
	h.whole, err = os.ReadFile(path)
	must(t, err)
	h.other, err = os.ReadFile(saved(t, opts...))
	must(t, err)
	return h
}

// harm damages a file, and says how.
func (h *history) harm(random *rand.Rand, whole []byte) (how string, content []byte) {
	b := bytes.Clone(whole)
	at := random.IntN(len(b))
	if random.IntN(4) == 0 {
		at = random.IntN(1100) // the head, and what follows it
	}
	size := min(1+random.IntN(4096), len(b)-at)
	switch random.IntN(9) {
	case 0:
		b[at] ^= 1 << random.IntN(8)
		return fmt.Sprintf("a bit of byte %d", at), b
	case 1:
		b[at] ^= byte(1 + random.IntN(255))
		return fmt.Sprintf("byte %d", at), b
	case 2:
		for i := range size {
			b[at+i] = byte(random.Uint32())
		}
		return fmt.Sprintf("%d random bytes at %d", size, at), b
	case 3:
		clear(b[at : at+size])
		return fmt.Sprintf("%d zeros at %d", size, at), b
	case 4:
		return fmt.Sprintf("cut to %d of %d", at, len(b)), b[:at]
	case 5:
		return fmt.Sprintf("%d bytes more", size), append(b, bytes.Repeat([]byte{byte(random.IntN(2) * 255)}, size)...)
	case 6:
		copy(b[at:], b[random.IntN(len(b)-size):][:size])
		return fmt.Sprintf("%d bytes of another place at %d", size, at), b
	case 7:
		return "a part is missing", append(b[:at], b[at+size:]...)
	}
	clear(b)
	return "all is zero", b
}

// TestDamage damages files before they are opened, and while they are open. Nothing ever kills, hangs or stops a process; nothing is read that was not
// saved; what is lost is said, and the file is set aside; and all can be saved and read again.
// Failures: F105, F158.
func TestDamage(t *testing.T) {
	t.Parallel()
	histories := []history{newHistory(t), newHistory(t, filestore.WithKey(secret))}
	for i := range histories {
		histories[i].opts = append(histories[i].opts, filestore.WithoutSync())
	}
	counts := make(map[string]int)
	for n := range *damageFiles {
		random := rand.New(rand.NewPCG(*damageSeed, uint64(n)))
		h := &histories[n/2%2]
		began := time.Now()
		var what string
		if n%2 == 0 {
			what = h.before(t, random, counts)
		} else {
			what = h.meanwhile(t, random, counts)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: it took %v", what, took)
		}
		if t.Failed() {
			t.Fatalf("again: -damage.files %d -damage.seed %d: %s", n+1, *damageSeed, what)
		}
	}
	t.Logf("%d files, of which none killed, held up or stopped the store: %v", *damageFiles, counts)
	for _, each := range []string{"before: nothing lost", "before: lost, and said", "meanwhile: nothing lost, and said", "meanwhile: nothing to notice"} {
		if counts[each] == 0 {
			t.Errorf("%s: never", each)
		}
	}
}

// before damages a file that is opened then.
func (h *history) before(t *testing.T, random *rand.Rand, counts map[string]int) string {
	path := file(t)
	how, content := h.harm(random, h.whole)
	how = "before Open: " + how
	must(t, os.WriteFile(path, content, 0o600))
	s, logs := watched(t, path, h.opts...)
	defer s.Close()
	missing := h.loaded(t, s, how, h.latest)
	state, err := s.LoadLedger(t.Context())
	if err != nil {
		t.Errorf("%s: ledger: %v", how, err)
	}
	_, aside := os.Stat(path + ".corrupt")
	noticed := aside == nil && logs.Len() == 1 && time.Since(state.Lost) < time.Minute && logs.All()[0].ContextMap()["lost"] != ""
	switch intact := missing == 0 && state.Remaining == spent.Remaining && state.Lost.IsZero(); {
	case intact && logs.Len() == 0:
		counts["before: nothing lost"]++
	case !noticed:
		t.Errorf("%s: %d sessions are missing, ledger %+v, and the warnings are %v, set aside: %v", how, missing, state, logs.All(), aside)
	default:
		counts["before: lost, and said"]++
	}
	h.goesOn(t, s, how, path, logs)
	return how
}

// meanwhile damages a file that is open.
func (h *history) meanwhile(t *testing.T, random *rand.Rand, counts map[string]int) string {
	path := file(t)
	must(t, os.WriteFile(path, h.whole, 0o600))
	s, logs := watched(t, path, h.opts...)
	defer s.Close()
	now, err := os.ReadFile(path)
	must(t, err)
	how, content := h.harm(random, now)
	noticed := !bytes.HasPrefix(filestore.Read(content), filestore.Read(now))
	place := path
	switch random.IntN(8) {
	case 0:
		how = "deleted"
		must(t, os.Remove(path))
	case 1:
		how = "its lock is deleted"
		noticed = false
		must(t, os.Remove(path+".lock"))
	case 2:
		how = "replaced by an earlier one"
		content, noticed = h.earlier, true
		place = path + ".copy"
	case 3:
		how = "replaced by another bot's"
		content, noticed = h.other, true
		place = path + ".copy"
	case 4:
		how = "replaced by one damaged: " + how
		place = path + ".copy"
	case 5:
		how = "overwritten with another bot's"
		content, noticed = h.other, true
	}
	how = "while it is open: " + how
	if how != "while it is open: deleted" && !strings.HasSuffix(how, "lock is deleted") {
		f, err := os.OpenFile(place, os.O_RDWR|os.O_CREATE, 0o600)
		must(t, err)
		_, err = f.WriteAt(content, 0)
		must(t, err, f.Truncate(int64(len(content))), f.Close())
		if place != path {
			must(t, os.Rename(place, path))
		}
	}
	if missing := h.loaded(t, s, how, h.latest); missing > 0 {
		t.Errorf("%s: %d sessions are missing", how, missing)
	}
	if state, err := s.LoadLedger(t.Context()); err != nil || state.Remaining != spent.Remaining {
		t.Errorf("%s: ledger %+v, %v", how, state, err)
	}
	h.killed(t, how, path)
	h.goesOn(t, s, how, path, logs)
	switch {
	case noticed && logs.Len() == 0:
		t.Errorf("%s: nothing is said", how)
	case noticed:
		counts["meanwhile: nothing lost, and said"]++
	default:
		counts["meanwhile: nothing to notice"]++
	}
	return how
}

// loaded is how many sessions are missing, and the note. What is not is as it was saved.
func (h *history) loaded(t *testing.T, s *filestore.Store, how string, seq int64) (missing int) {
	t.Helper()
	for _, want := range snapshots(seq) {
		got, err := s.Load(t.Context(), want.Shard)
		switch {
		case errors.Is(err, session.ErrNoSnapshot):
			missing++
		case err != nil || got != want:
			t.Errorf("%s: shard %v: %v, %v", how, want.Shard, got, err)
		}
	}
	switch got, err := s.LoadNote(t.Context()); {
	case !h.noted:
	case err == nil && len(got) == 0:
		missing++
	case err != nil || !bytes.Equal(got, noteAt(seq)):
		t.Errorf("%s: note %q, %v", how, got, err)
	}
	return missing
}

// killed looks at what the next process finds, if this one is killed now: all, or less and a word about it.
func (h *history) killed(t *testing.T, how, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	must(t, err, os.WriteFile(copied, content, 0o600))
	s, logs := watched(t, copied, h.opts...)
	defer s.Close()
	if missing := h.loaded(t, s, how+", killed", h.latest); missing > 0 && logs.Len() == 0 {
		t.Errorf("%s, killed: %d sessions are missing, and nothing is said", how, missing)
	}
}

// goesOn saves all anew, and reads it here and in the next process.
func (h *history) goesOn(t *testing.T, s *filestore.Store, how, path string, logs *observer.ObservedLogs) {
	t.Helper()
	must(t, s.Save(t.Context(), snapshots(h.latest+1)...), s.SaveNote(t.Context(), noteAt(h.latest+1)), s.SaveLedger(t.Context(), spent))
	if missing := h.loaded(t, s, how, h.latest+1); missing > 0 {
		t.Errorf("%s: %d sessions are missing of those that were saved since", how, missing)
	}
	must(t, s.Close())
	next, later := watched(t, path, h.opts...)
	if missing := h.loaded(t, next, how, h.latest+1); missing > 0 || later.Len() > 0 {
		t.Errorf("%s: afterwards %d are missing, and it warns of %v", how, missing, later.All())
	}
	must(t, next.Close())
	for _, entry := range append(logs.All(), later.All()...) {
		if strings.Contains(fmt.Sprint(entry.Message, entry.ContextMap()), "canary") {
			t.Errorf("%s: a secret is logged: %v", how, entry)
		}
	}
}
