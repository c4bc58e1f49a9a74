package shardmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

const (
	reshardVersion = 1
	noteTime       = 30 * time.Second // for a store that fails: then guilds are cut over without it
)

// reshardNote is what a session.Notebook keeps of a reshard: from the first guild's cut on, so that the process that follows goes on where this one was. Before
// that there is none, and the process that follows begins with the old shards.
type reshardNote struct {
	Version  int
	From, To actors.Fleet
	Done     bool               `json:",omitzero"` // the new shards serve, and their sessions are stored as all others
	Known    []events.Snowflake `json:",omitempty"`
	Cuts     []noteCut          `json:",omitempty"`
	Sessions []session.Snapshot `json:",omitempty"` // of the new shards
	Old, New events.Intents     `json:",omitzero"`  // of either, if they differ
}

type noteCut struct {
	G    events.Snowflake
	O, N int64
	F    bool `json:",omitzero"`
}

// notebook is where a note is kept; nil: nowhere.
func (m *Manager) notebook() session.Notebook {
	kept, _ := m.cfg.store.(session.Notebook)
	return kept
}

// begunReshard is what the process before has noted of a reshard; nil: nothing.
func (m *Manager) begunReshard(ctx context.Context) (*reshardNote, error) {
	kept := m.notebook()
	if kept == nil {
		return nil, nil
	}
	data, err := askStore(ctx, "LoadNote", func() ([]byte, error) { return kept.LoadNote(ctx) })
	if err != nil {
		return nil, fmt.Errorf("shardmanager: session store: the note of a reshard: %w", err)
	}
	if len(data) == 0 {
		return nil, nil
	}
	note := new(reshardNote)
	err = json.Unmarshal(data, note)
	switch {
	case err != nil:
	case note.Version > reshardVersion:
		return nil, fmt.Errorf("shardmanager: a later version of this library has begun a reshard: update the library, or start that version until it is done")
	case min(note.From.Total, note.To.Total) < 1 || max(note.From.Total, note.To.Total) > maxShards || note.From == note.To:
		err = errors.New("its numbers of shards cannot be")
	}
	if err != nil {
		m.log.Error("what was noted of a reshard cannot be read, and is discarded: events of guilds that were cut over may come twice, or were lost", zap.Error(err))
		return nil, nil
	}
	return note, nil
}

// totalNow is how many shards to begin with, by what was noted of a reshard. WithShards goes before one that is done.
func (note *reshardNote) totalNow(asked int) (int, error) {
	switch {
	case note.Done && asked == 0:
		return note.To.Total, nil
	case note.Done:
		return asked, nil
	case asked == 0 || asked == note.From.Total || asked == note.To.Total:
		return note.From.Total, nil
	}
	return 0, &OptionError{"WithShards", fmt.Sprintf("%d: a reshard from %d to %d is half done: name one of these until it is", asked, note.From.Total, note.To.Total)}
}

// doneBy reports whether sessions that the store has given for the old shards are those of the new ones: of as many, which have taken their place.
func (note *reshardNote) doneBy(sessions map[events.ShardID]session.Snapshot) bool {
	return note.From.Total == note.To.Total && slices.ContainsFunc(note.Sessions, func(of session.Snapshot) bool {
		stored, ok := sessions[of.Shard]
		return ok && stored.SessionID == of.SessionID
	})
}

// goOn has a reshard go on that the process before has begun: from here on nothing is delivered twice, and when the shards of From were started, started is called.
func (m *Manager) goOn(note *reshardNote) (started func(error), err error) {
	r := &resharding{
		m: m, from: note.From, to: note.To, known: note.Known, goesOn: true, patience: defaultPatience, retirement: defaultRetirement,
		today: note.Old, intents: note.New,
		plan: ReshardPlan{From: note.From.Total, To: note.To.Total, Cut: cutTime(nil), Extra: note.To.Total}, restore: make(map[actors.Key]session.Snapshot),
	}
	for _, of := range note.Cuts {
		r.cuts = append(r.cuts, GuildCut{Guild: of.G, From: r.from.Of(of.G), To: r.to.Of(of.G), OldSeq: of.O, NewSeq: of.N, Flagged: of.F})
	}
	for _, snapshot := range note.Sessions {
		if snapshot.Shard.Total == r.to.Total && snapshot.Shard.Valid() && m.resumable(snapshot.Shard, snapshot) {
			r.restore[r.to.Key(snapshot.Shard.Index)] = snapshot
		}
	}
	if _, err := m.beginReshard(r); err != nil {
		return nil, err
	}
	fail := func(err error) {
		close(r.home)
		r.ends(err)
	}
	if err := r.begin(); err != nil {
		fail(err)
		return nil, err
	}
	for i := range note.Sessions {
		note.Sessions[i].Exact = false // from here on what is noted may be behind
	}
	r.keep(*note)
	m.log.Warn("a reshard that the process before has begun goes on", zap.Int("from", r.from.Total), zap.Int("to", r.to.Total), zap.Int("cut", len(r.cuts)))
	return func(err error) {
		if err != nil {
			fail(err)
			return
		}
		m.running.Go(func() { r.run(m.life) })
	}, nil
}

// keep writes down how far it is. What fails is tried again for a while: until then no guild flows. When that was in vain, each later one is tried
// once, and one that hangs is asked for no more. It reports whether that is written down.
func (r *resharding) keep(note reshardNote) bool {
	kept := r.m.notebook()
	if kept == nil || r.noteHangs {
		return false
	}
	began := time.Now()
	for failures := 1; ; failures++ {
		err := r.keepOnce(kept, note)
		if err == nil {
			r.noteFails = false
			return true
		}
		if seldom(failures) && !r.noteFails {
			r.m.log.Error("reshard: how far it is was not written down", zap.Int("failures", failures), zap.Error(err))
		}
		r.noteHangs = errors.Is(err, ErrStoreHangs)
		if r.noteFails = r.noteFails || time.Since(began) >= noteTime; r.noteFails || r.noteHangs || r.sleep(r.m.life, saveEvery) != nil {
			return false
		}
	}
}

func (r *resharding) keepOnce(kept session.Notebook, note reshardNote) error {
	data, err := json.Marshal(note)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), noteTime)
	defer cancel()
	defer context.AfterFunc(r.m.life, func() { time.AfterFunc(saveTimeout, cancel) })() // Close does not wait for longer
	return callStore(ctx, "SaveNote", func() error { return kept.SaveNote(ctx, data) })
}

// noteNow is how far it is. exact: all events have been handled.
func (r *resharding) noteNow(exact bool) reshardNote {
	r.mu.Lock()
	cuts := slices.Clone(r.cuts)
	r.mu.Unlock()
	note := reshardNote{Version: reshardVersion, From: r.from, To: r.to, New: r.intents}
	if r.intents != 0 {
		note.Old = r.today
	}
	cut := make(map[events.Snowflake]bool, len(cuts))
	for _, of := range cuts {
		cut[of.Guild] = true
		note.Cuts = append(note.Cuts, noteCut{of.Guild, of.OldSeq, of.NewSeq, of.Flagged})
	}
	for _, guild := range r.cut.Guilds() {
		if !cut[guild] {
			note.Known = append(note.Known, guild)
		}
	}
	for i := range r.to.Total {
		key := r.to.Key(i)
		snapshot, number, ok := r.m.shards.Session(key)
		settled, seq := r.m.bus.Shard(key).Settled()
		restored, is := r.restore[key]
		if is && settled == 0 && seq == 0 && restored.SessionID == snapshot.SessionID { // nothing has come yet
			settled, seq = number, restored.Seq
		}
		if !ok && is { // it has not begun yet
			restored.Exact = exact && restored.Exact
			note.Sessions = append(note.Sessions, restored)
			continue
		}
		if !ok || settled != number {
			continue
		}
		whole := seq == snapshot.Seq
		snapshot.Seq, snapshot.Exact, snapshot.SavedAt = seq, exact && whole && snapshot.Exact, time.Now()
		note.Sessions = append(note.Sessions, snapshot)
	}
	return note
}

// finish writes down that the new shards serve, once their sessions are stored as all others.
func (r *resharding) finish() {
	if r.m.notebook() == nil {
		return
	}
	for began := time.Now(); r.m.life.Err() == nil && time.Since(began) < noteTime; {
		if r.m.saver.holds(r.to) {
			break
		}
		if r.sleep(r.m.life, saveEvery) != nil {
			return // what was noted last holds still
		}
		r.keep(r.noteNow(false))
	}
	r.unnoted.Store(!r.keep(r.noteDone()))
}

// noteDone is that the new shards serve.
func (r *resharding) noteDone() reshardNote {
	return reshardNote{Version: reshardVersion, From: r.from, To: r.to, Done: true}
}

// finishLate is finish for a notebook that has failed for too long, until ctx ends: or whoever follows, however late, would go on with what is over. One that
// hangs is asked again by the end of the Manager alone.
func (r *resharding) finishLate(ctx context.Context) {
	for !r.noteHangs && r.unnoted.Load() && r.sleep(ctx, saveEvery) == nil {
		err := r.keepOnce(r.m.notebook(), r.noteDone())
		if errors.Is(err, ErrStoreHangs) {
			return
		}
		r.unnoted.Store(err != nil)
	}
}

// holds reports whether the store has a session of each shard of a fleet that has one.
func (s *saver) holds(of actors.Fleet) bool {
	s.mu.Lock()
	saved := maps.Clone(s.saved)
	s.mu.Unlock()
	for i := range of.Total {
		key := of.Key(i)
		if now, _, ok := s.m.shards.Session(key); ok && saved[key.Shard].SessionID != now.SessionID {
			return false
		}
	}
	return true
}

// endNote writes down how far a reshard is that the Manager's end has cut off.
func (m *Manager) endNote(exact bool) {
	m.mu.Lock()
	r := m.reshard
	m.mu.Unlock()
	if r == nil || m.notebook() == nil {
		return
	}
	<-r.over
	if r.returns != nil { // that is how far it is
		r = r.returns
	}
	r.mu.Lock()
	unfinished := r.unfinished
	r.mu.Unlock()
	var note reshardNote
	switch {
	case unfinished:
		note = r.noteNow(exact)
	case r.unnoted.Load():
		note = r.noteDone()
	default:
		return
	}
	if err := r.keepOnce(m.notebook(), note); err != nil {
		m.log.Error("reshard: how far it is was not written down: events of guilds that were cut over come again", zap.Error(err))
	}
}
