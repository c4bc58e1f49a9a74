package shardmanager

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/internal/foreign"
)

// soundboardGuilds is how many guild ids fit into one Request Soundboard Sounds.
const soundboardGuilds = 160

// Send carries out a send event: on the shard of the guild that it names; on all shards if it
// is a presence; on each shard that has some of its guilds if it asks for soundboard sounds;
// and else on the lowest shard. Errors are *actors.SendError; of several shards, joined, beside
// the answers of the others, in the order of the shards. It goes with the priority Normal: see Priority.
func (m *Manager) Send(ctx context.Context, out events.Outgoing) (events.Answer, error) {
	if client, ok := m.direct(ctx, out, Normal); ok {
		return client.Send(ctx, out)
	}
	return m.Priority(Normal).sendAround(ctx, out)
}

// direct is the client of a send event that goes to one shard, and that no tracer follows, as most do. So that the stack of its caller is
// small while it waits: the garbage collector walks the stacks of all who do.
func (m *Manager) direct(ctx context.Context, out events.Outgoing, priority Priority) (client actors.Client, ok bool) {
	if m.cfg.tracer != nil && ctx != nil {
		return client, false
	}
	switch out.(type) {
	case events.UpdatePresence, *events.UpdatePresence, events.RequestSoundboardSounds, *events.RequestSoundboardSounds:
		return client, false
	}
	client, err := m.client()
	return client.Priority(priority), err == nil
}

// Stream is Send for the large answer of one shard: part is called with each event of it as it
// arrives, until it returns false. events.RequestGuildMembers.Chunks makes use of it.
func (m *Manager) Stream(ctx context.Context, out events.Outgoing, part func(events.Raw) bool) (events.Answer, error) {
	return m.Priority(Normal).Stream(ctx, out, part)
}

// client sends by guild.
func (m *Manager) client() (actors.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.phase == PhaseClosing:
		return actors.Client{}, m.ending.cause
	case m.supervisor == nil:
		return actors.Client{}, ErrNotStarted
	}
	return m.shards.Client(m.system, m.supervisor), nil
}

// refused is what sending an event ends in that cannot even be asked for.
func refused(out events.Outgoing, err error) error {
	failure := &actors.SendError{Stage: actors.Refused, Err: err}
	_ = foreign.Call("Request", func() error { // it may be nil, or the user's own; what is wrong with it matters less
		request, err := out.Request()
		failure.Op = request.Op
		return err
	})
	return failure
}

// clientOf sends to the shard with an index, of those that serve.
func (m *Manager) clientOf(index int) (actors.Client, actors.Key, error) {
	client, err := m.client()
	if err != nil {
		return client, actors.Key{}, err
	}
	key, err := m.shards.RouteIndex(index)
	if err != nil {
		return client, key, err
	}
	return client.For(key), key, nil
}

// total is the number of shards that serve, here or elsewhere; 0 before they are started.
func (m *Manager) total() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shards == nil {
		return 0
	}
	return m.shards.Total()
}

type part struct {
	key   actors.Key
	event events.Outgoing
}

func (s PrioritySender) sendAll(ctx context.Context, e events.UpdatePresence) (events.Answer, error) {
	parts := s.manager.toAll(e)
	if len(parts) == 0 {
		return events.Answer{}, refused(e, ErrNotStarted)
	}
	return s.sendParts(ctx, parts)
}

// toAll is an event for all shards that serve here.
func (m *Manager) toAll(e events.Outgoing) (parts []part) {
	for _, shard := range m.Status().Shards {
		if shard.Role == actors.Serving {
			parts = append(parts, part{shard.Key(), e})
		}
	}
	return parts
}

func (s PrioritySender) sendSplit(ctx context.Context, e events.RequestSoundboardSounds) (events.Answer, error) {
	if _, err := e.Request(); err != nil {
		return events.Answer{}, &actors.SendError{Op: events.OpRequestSoundboardSounds, Stage: actors.Refused, Err: err}
	}
	total := s.manager.total()
	if total == 0 {
		return events.Answer{}, refused(e, ErrNotStarted)
	}
	guilds := slices.Sorted(slices.Values(e.GuildIDs))
	byShard := make(map[actors.Key][]events.Snowflake)
	for _, guild := range slices.Compact(guilds) { // or one that is named twice could be asked for twice
		key, err := s.manager.shards.Route(guild)
		if err != nil { // the shard that it would go to says so
			key = actors.Fleet{Total: total}.Of(guild)
		}
		byShard[key] = append(byShard[key], guild)
	}
	var parts []part
	for _, key := range slices.SortedFunc(maps.Keys(byShard), actors.Key.Compare) {
		for some := range slices.Chunk(byShard[key], soundboardGuilds) {
			parts = append(parts, part{key, events.RequestSoundboardSounds{GuildIDs: some}})
		}
	}
	return s.sendParts(ctx, parts)
}

// sendEach sends all parts at once.
func (s PrioritySender) sendEach(ctx context.Context, parts []part) (answers []events.Answer, failures []error) {
	answers, failures = make([]events.Answer, len(parts)), make([]error, len(parts))
	var all sync.WaitGroup
	for i, p := range parts {
		client, err := s.manager.client()
		if err != nil {
			failures[i] = refused(p.event, err)
			continue
		}
		all.Go(func() { answers[i], failures[i] = client.For(p.key).Priority(s.priority).Send(ctx, p.event) })
	}
	all.Wait()
	return answers, failures
}

// sendParts sends all parts at once. The receipt is that of the slowest which has one.
func (s PrioritySender) sendParts(ctx context.Context, parts []part) (events.Answer, error) {
	answers, failures := s.sendEach(ctx, parts)
	var whole events.Answer
	for _, answer := range answers {
		if answer.Shard.Total > 0 && answer.Queued+answer.RoundTrip >= whole.Queued+whole.RoundTrip {
			whole.Receipt = answer.Receipt
		}
		whole.Events = append(whole.Events, answer.Events...)
	}
	return whole, errors.Join(failures...)
}

// Shard is one shard of a Manager: an events.Sender for its session alone.
type Shard struct {
	manager  *Manager
	index    int
	priority Priority
}

// Shard is the shard with the index. Whether it runs here shows when it is used: if it does not, or there is none with
// that index, the error is actors.ErrUnknownShard.
func (m *Manager) Shard(index int) *Shard { return &Shard{manager: m, index: index} }

// ForGuild is the shard that receives the guild's events. It is nil before Start, when the
// number of shards is not known: what that is asked for is refused with ErrNotStarted.
func (m *Manager) ForGuild(guild events.Snowflake) *Shard {
	total := m.total()
	if total == 0 {
		return nil
	}
	return m.Shard(events.ShardFor(guild, total))
}

// OwnerOf is the shard that serves the guild now, as its events are delivered, and sends that concern it go: while a reshard is on, the old one until the guild is
// cut, and then the new one. It runs here, or would if it was not paused or drained. false: none here serves the guild; so it is before Start, and for the id 0. It
// asks no actor. Safe for concurrent use.
func (m *Manager) OwnerOf(guild events.Snowflake) (actors.Key, bool) {
	m.mu.Lock()
	shards := m.shards
	m.mu.Unlock()
	if shards == nil || guild == 0 {
		return actors.Key{}, false
	}
	key, err := shards.Route(guild)
	return key, err == nil
}

// client sends to the shard.
func (s *Shard) client() (actors.Client, actors.Key, error) {
	if s == nil {
		return actors.Client{}, actors.Key{}, ErrNotStarted
	}
	return s.manager.clientOf(s.index)
}

// Index is the shard's index; of a nil Shard -1.
func (s *Shard) Index() int {
	if s == nil {
		return -1
	}
	return s.index
}

// Key is the shard's key, for the messages of the actors package, or an error if it does not run here.
func (s *Shard) Key() (actors.Key, error) {
	_, key, err := s.client()
	return key, err
}

// Send carries out a send event on this shard.
func (s *Shard) Send(ctx context.Context, out events.Outgoing) (events.Answer, error) {
	if s == nil || s.manager.cfg.tracer == nil || ctx == nil {
		return s.send(ctx, out)
	}
	return s.manager.follow(ctx, out, Sending{Shard: s.index, Priority: s.priority}, func(ctx context.Context) (events.Answer, error) { return s.send(ctx, out) })
}

func (s *Shard) send(ctx context.Context, out events.Outgoing) (events.Answer, error) {
	client, _, err := s.client()
	if err != nil {
		return events.Answer{}, refused(out, err)
	}
	return client.Priority(s.priority).Send(ctx, out)
}

// Stream is Manager.Stream on this shard.
func (s *Shard) Stream(ctx context.Context, out events.Outgoing, part func(events.Raw) bool) (events.Answer, error) {
	if s == nil || s.manager.cfg.tracer == nil || ctx == nil {
		return s.stream(ctx, out, part)
	}
	return s.manager.follow(ctx, out, Sending{Shard: s.index, Priority: s.priority}, func(ctx context.Context) (events.Answer, error) { return s.stream(ctx, out, part) })
}

func (s *Shard) stream(ctx context.Context, out events.Outgoing, part func(events.Raw) bool) (events.Answer, error) {
	client, _, err := s.client()
	if err != nil {
		return events.Answer{}, refused(out, err)
	}
	return client.Priority(s.priority).Stream(ctx, out, part)
}

// Status is how the shard stands, or false if it does not run here.
func (s *Shard) Status() (ShardStatus, bool) {
	if s == nil {
		return ShardStatus{}, false
	}
	s.manager.mu.Lock()
	shards := s.manager.shards
	s.manager.mu.Unlock()
	if shards == nil {
		return ShardStatus{}, false
	}
	key, err := shards.RouteIndex(s.index)
	if err != nil {
		return ShardStatus{}, false
	}
	return s.manager.board.Shard(key)
}
