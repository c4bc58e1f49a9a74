package shardmanager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session"
)

// WithSessionStore sets where sessions are kept beyond the process, so that it resumes them
// when it starts again. A store that is a ratelimit.Ledger as well, such as filestore's, keeps the
// Identifies that were spent too, unless there is a WithRateLimiter. The default is nowhere.
//
// A session that is resumed goes on where it was: it gets what it has missed and RESUMED, but no READY and no GUILD_CREATE. A bot
// that fills a cache from those finds it empty after a restart: it keeps its cache elsewhere, or begins anew with WithFreshSessions.
//
// A session is not resumed if it began with other intents, capabilities or another large threshold: its Change to Connecting
// is Lost, and its cause is a *session.TermsError. Nor is one that was at rest for longer than session.MaxAge (a *session.AgeError): Discord does not
// have it any more. Such a shard waits for its Identify at once. Nor is what another number of shards has left.
//
// Of two processes that run the same shards with one store, the one that started last saves them: see Persistence.Fenced.
func WithSessionStore(store session.Store) Option {
	return func(c *config) { c.store, c.noStore = store, store == nil || isNil(store) }
}

// WithFreshSessions has each shard begin a new session when the Manager starts, also where the store has one that could be resumed: for bots
// that fill a cache from READY and GUILD_CREATE. Each costs one Identify of the day's budget, in the queue, as at a first start; how many are
// left limits how often such a bot may be restarted. Sessions are still saved, and resumed while the process lives. The default is to resume.
func WithFreshSessions() Option { return func(c *config) { c.fresh = true } }

// restored is what a Manager begins with.
type restored struct {
	sessions map[events.ShardID]session.Snapshot // to be resumed
	fence    uint64                              // under which it saves
	fenced   []events.ShardID                    // that another process has taken over meanwhile
}

// restore loads the sessions to begin with, and takes them over: with a fence that is higher than any, and no longer exact, since from
// here on what the store holds may be behind. Of a store that fails nothing is known, and to identify all
// shards for that could cost the day's budget: it is an error.
func (m *Manager) restore(ctx context.Context, ids []int, total int, standby bool) (restored, error) {
	r := restored{sessions: make(map[events.ShardID]session.Snapshot)}
	hangs := time.AfterFunc(storePatience, func() {
		m.startWaits(errStoreSlow)
		m.log.Warn("the session store does not return: the start waits for it")
	})
	defer m.startWaits(nil)
	defer hangs.Stop()
	var claims []session.Snapshot
	highest := uint64(0)
	if standby {
		ids = nil // they are another process's
	}
	for _, index := range ids {
		id := events.ShardID{Index: index, Total: total}
		snapshot, err := m.load(ctx, id)
		if errors.Is(err, session.ErrNoSnapshot) {
			continue
		}
		if err != nil {
			return r, fmt.Errorf("shardmanager: session store: shard %v: %w", id, err)
		}
		highest = max(highest, snapshot.Fence)
		if !m.resumable(id, snapshot) {
			continue
		}
		if !m.cfg.fresh {
			r.sessions[id] = snapshot //seam:stored-session-used
		}
		claims = append(claims, snapshot)
	}
	r.fence = max(uint64(time.Now().UnixMicro()), highest+1) // where nothing is stored, too, who starts last has the higher
	for i := range claims {
		claims[i].Exact, claims[i].Fence = false, r.fence
	}
	if err := m.claim(ctx, claims, &r); err != nil {
		return r, err
	}
	m.warnOfTotals(ctx, total)
	return r, nil
}

var errStoreSlow = errors.New("shardmanager: the session store does not return")

// load loads what is stored for a shard. What has the highest fence there is could never be saved over: it is deleted.
func (m *Manager) load(ctx context.Context, id events.ShardID) (session.Snapshot, error) {
	snapshot, err := askStore(ctx, "Load", func() (session.Snapshot, error) { return m.cfg.store.Load(ctx, id) })
	if err != nil || snapshot.Fence < math.MaxUint64 {
		return snapshot, err
	}
	m.log.Warn("stored session discarded", zap.Stringer("shard", id), zap.String("error", "its fence cannot be one"))
	if err := callStore(ctx, "Delete", func() error { return m.cfg.store.Delete(ctx, id) }); err != nil {
		return snapshot, err
	}
	return snapshot, session.ErrNoSnapshot
}

// resumable reports whether what the store has given is to be resumed.
func (m *Manager) resumable(id events.ShardID, snapshot session.Snapshot) bool {
	bot, err := session.BotOf(m.cfg.identify.Token), snapshot.Check(id, time.Now())
	if err == nil && bot != 0 && snapshot.Bot != 0 && bot != snapshot.Bot {
		err = fmt.Errorf("it is bot %v's", snapshot.Bot)
	}
	if err != nil {
		m.log.Warn("stored session discarded", zap.Stringer("shard", id), zap.Error(err))
		return false
	}
	return true
}

// claim saves what was loaded, as this Manager's. Sessions that a later process has taken over by now are not resumed.
func (m *Manager) claim(ctx context.Context, claims []session.Snapshot, r *restored) error {
	for failures := 1; ; failures++ {
		kept, fenced, err := saveAll(claims, func(all ...session.Snapshot) error {
			return callStore(ctx, "Save", func() error { return m.cfg.store.Save(ctx, all...) })
		})
		for _, id := range fenced {
			m.log.Warn("stored session not resumed: another process has taken it over", zap.Stringer("shard", id))
			delete(r.sessions, id)
		}
		r.fenced = append(r.fenced, fenced...)
		if err == nil {
			return nil
		}
		m.startWaits(fmt.Errorf("shardmanager: session store: %w", err))
		if seldom(failures) {
			m.log.Warn("session store fails: the start waits for it", zap.Int("failures", failures), zap.Error(err))
		}
		select {
		case <-time.After(saveEvery):
		case <-ctx.Done():
			return fmt.Errorf("shardmanager: session store: %w", errors.Join(err, context.Cause(ctx)))
		}
		claims = slices.DeleteFunc(slices.Clone(claims), func(s session.Snapshot) bool {
			return slices.Contains(fenced, s.Shard) || slices.Contains(kept, s)
		})
	}
}

// warnOfTotals warns of sessions that are not resumed since they are those of another number of shards.
func (m *Manager) warnOfTotals(ctx context.Context, total int) {
	totaler, ok := m.cfg.store.(session.Totaler)
	if !ok {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	totals, err := askStore(bounded, "Totals", func() (map[int]int, error) { return totaler.Totals(bounded) })
	if err != nil {
		m.log.Warn("whether sessions of another number of shards are stored is not known", zap.Error(err))
		return
	}
	for _, other := range slices.Sorted(maps.Keys(totals)) {
		if other != total && totals[other] > 0 {
			m.log.Warn("stored sessions of another number of shards are not resumed",
				zap.Int("shard_total", total), zap.Int("stored_total", other), zap.Int("sessions", totals[other]))
		}
	}
}

// giveWay has a shard begin another session when its own is resumed in turn by the process that has taken it over: or neither would
// ever keep it.
func (m *Manager) giveWay(key actors.Key, c session.Change) {
	if c.To != session.Backoff || c.Lost || !errors.Is(c.Cause, session.ErrTakenOver) {
		return
	}
	m.mu.Lock()
	saver, system, supervisor := m.saver, m.system, m.supervisor
	m.mu.Unlock()
	if saver != nil && saver.lost(key.Shard) {
		m.log.Warn("the session is another process's: a new one begins", zap.Stringer("shard", key))
		system.Root.Send(supervisor, actors.ReidentifyShard{Key: key})
	}
}
