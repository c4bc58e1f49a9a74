package shardmanager

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/events"
)

const voiceTime = 2 * time.Second // for the old shards to say where the bot is

// takeOverPresences has the new shards show what the old ones do, if it is not what sessions begin with.
func (r *resharding) takeOverPresences() {
	client, err := r.m.client()
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(r.m.life, beforeCutTime)
	defer cancel()
	var sends []sending
	for i := range r.to.Total {
		shown, _, _ := r.m.shards.Session(r.from.Key(i % r.from.Total))
		shows, _, _ := r.m.shards.Session(r.to.Key(i))
		if shown.Presence == "" || shown.Presence == shows.Presence {
			continue
		}
		request, err := events.ParseRequest(events.OpPresenceUpdate, []byte(shown.Presence))
		if err != nil {
			continue // nobody could have sent it
		}
		sends = append(sends, sending{r.to.Key(i), request})
	}
	if err := sendAll(ctx, client, sends); err != nil {
		r.m.log.Warn("reshard: not all new shards show the presence of the old ones", zap.Error(err))
	}
}

// takeOverVoices has the new shards ask for the voice channels that the old ones have the bot in: it would leave them with the old sessions. Handlers are told of the
// new voice session and server, with which the audio is to be connected anew.
func (r *resharding) takeOverVoices() {
	client, err := r.m.client()
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(r.m.life, voiceTime)
	voices := r.cut.Voices(ctx)
	cancel()
	ctx, cancel = context.WithTimeout(r.m.life, beforeCutTime)
	defer cancel()
	var sends []sending
	for _, voice := range voices {
		request, err := voice.Request()
		if err != nil {
			continue // such a channel there is not
		}
		sends = append(sends, sending{r.to.Of(voice.GuildID), request})
	}
	if err := sendAll(ctx, client, sends); err != nil {
		r.m.log.Warn("reshard: the bot may leave voice channels as the old sessions end", zap.Error(err))
	}
}

// sending is a send event of one shard.
type sending struct {
	key     actors.Key
	request events.Request
}

// sendAll sends all at once, and waits for their ends.
func sendAll(ctx context.Context, client actors.Client, sends []sending) (failed error) {
	done := make(chan error, len(sends))
	for _, each := range sends {
		go func() {
			_, err := client.For(each.key).Do(ctx, each.request)
			done <- err
		}()
	}
	for range sends {
		failed = errors.Join(failed, <-done)
	}
	return failed
}
