package shardmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/signalbox-go/signalbox/events"
)

// grantTimeout is for the one question of what the application may have: whoever asks goes on without the answer. It is less than shards wait
// for it (see actors.LeaveOut).
const grantTimeout = 3 * time.Second

// granting are the application's flags that grant privileged intents: that of an approved application, or that of a small one, which needs no
// approval.
//
// Source: resources/application#application-object-application-flags
var granting = map[events.Intents]int64{
	events.IntentGuildPresences: 1<<12 | 1<<13,
	events.IntentGuildMembers:   1<<14 | 1<<15,
	events.IntentMessageContent: 1<<18 | 1<<19,
}

// missing are those of the privileged intents that the application may not have, by its flags; known is false when they could not be asked for,
// which costs nothing but the knowledge: it is logged at debug level.
func (m *Manager) missing(ctx context.Context, intents events.Intents) (missing events.Intents, known bool) {
	type found struct {
		flags int64
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, grantTimeout)
	defer cancel()
	answers := make(chan found, 1)
	if !m.begin(func() { // a client that does not heed its context holds nobody
		flags, err := m.askApplication(ctx)
		answers <- found{flags, err}
	}) {
		return 0, false
	}
	var answer found
	select {
	case answer = <-answers:
	case <-ctx.Done():
		answer.err = context.Cause(ctx)
	}
	if answer.err != nil {
		m.log.Debug("whether the application may have its intents is not known", zap.Error(answer.err))
		return 0, false
	}
	for intent, flags := range granting {
		if answer.flags&flags == 0 {
			missing |= intents & intent
		}
	}
	return missing, true
}

// askApplication asks for the application's flags, once.
//
// Source: resources/application#get-current-application
func (m *Manager) askApplication(ctx context.Context) (flags int64, err error) {
	path, response, body, err := m.get(ctx, "/applications/@me")
	var found struct {
		Flags *float64 `json:"flags"` // a number in any notation; Discord's have 31 bits
	}
	switch {
	case response == nil:
		err, _ = unreached(err)
	case response.StatusCode != http.StatusOK:
		err = fmt.Errorf("status %d", response.StatusCode)
	case err != nil:
	case json.Unmarshal(body, &found) != nil || found.Flags == nil || !(*found.Flags >= 0 && *found.Flags < 1<<53):
		err = errors.New("the answer has no flags")
	}
	if err != nil {
		return 0, fmt.Errorf("shardmanager: GET %s: %s", path, oneLine(err.Error(), 400))
	}
	return int64(*found.Flags), nil
}
