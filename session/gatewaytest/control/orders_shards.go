package control

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/signalbox-go/signalbox/events"
	"github.com/signalbox-go/signalbox/session/gatewaytest"
)

// of is a verb about sessions.
func of(name, help string, quick bool, do func(*Control, *work) error, fields ...field) verb {
	return verb{name: name, help: help, fields: append([]field{shardField, totalField}, fields...), quick: quick, check: checkLasting, do: do}
}

// toEach does something by the script of each shard.
func toEach(need whom, f func(*work, gatewaytest.Script)) func(*Control, *work) error {
	return func(_ *Control, w *work) error {
		chosen, err := w.shards(need)
		for _, s := range chosen {
			f(w, w.server.ShardOf(s.Shard))
		}
		return err
	}
}

// whileOn sets something for a while, by the script of each session: a newer session of the shard is not touched at the end.
func whileOn(need whom, name string, f func(gatewaytest.Script, bool)) func(*Control, *work) error {
	return func(_ *Control, w *work) error {
		chosen, err := w.shards(need)
		for _, s := range chosen {
			w.lasts(fmt.Sprint(name, " ", s.Session), func(on bool) { f(w.server.Session(s.Session), on) })
		}
		return err
	}
}

var shardVerbs = []verb{
	of("reconnect", "asks to reconnect (op 7)", true, toEach(connection, func(_ *work, s gatewaytest.Script) { s.Reconnect() })),
	of("invalid-session", "declares the session invalid (op 9)", true, toEach(session, func(w *work, s gatewaytest.Script) {
		resumable, _ := w.args["resumable"].(bool)
		s.InvalidSession(resumable)
	}), field{"resumable", boolKind, false, "whether it may be resumed; the default is false"}),
	of("close", "closes the connection with a code", true, toEach(session, func(w *work, s gatewaytest.Script) {
		s.Close(events.CloseCode(w.number("code", int(events.CloseUnknownError))))
	}), field{"code", codeKind, false, "the default is 4000; 4004, 4010 to 4014 and others end the session"}),
	of("drop", "cuts the connection, without a close frame", true, toEach(connection, func(_ *work, s gatewaytest.Script) { s.Drop() })),
	of("cut", "cuts the connection after some more bytes, in the midst of a frame", false, toEach(session, func(w *work, s gatewaytest.Script) {
		s.CutAt(int64(w.number("bytes", 0)))
	}), field{"bytes", numberKind(0, 1<<30, "a number of bytes"), true, "how many are still sent; without a connection, to the shard's next one, from its READY or RESUMED"}),
	of("mute", "answers no heartbeat of this connection", true, whileOn(connection, "mute", gatewaytest.Script.MuteAcks), onField, forField),
	of("freeze", "reads and writes nothing on this connection, without ending it", true, whileOn(session, "freeze", gatewaytest.Script.Freeze), onField, forField),
	of("request-heartbeat", "asks for a heartbeat (op 1)", true, toEach(connection, func(_ *work, s gatewaytest.Script) { s.RequestHeartbeat() })),
	of("lag", "has the session hear late of what happens in the world; the order stays", false, lag,
		field{"by", lagKind, true, "how late; 0s ends it, and what is late comes at once"}, forField),
	of("lose", "keeps the next events of the world from the session: its sequence has no gap", false, toEach(session, func(w *work, s gatewaytest.Script) {
		s.Lose(w.number("events", 0))
	}), field{"events", numberKind(0, 1<<30, "a number of events"), true, "how many; 0 ends it"}),
	of("send", "sends a payload as it is, also one that breaks the protocol", false, toEach(connection, func(w *work, s gatewaytest.Script) {
		s.SendRaw(payload(w.args["payload"]))
	}), field{"payload", anyKind, true, "JSON, such as {\"op\": 99}; a text is sent as it is, also if it is no JSON"}),
}

func payload(v any) []byte {
	if text, is := v.(string); is {
		return []byte(text)
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("control: what was JSON cannot be encoded: %v", err))
	}
	return data
}

func lag(_ *Control, w *work) error {
	chosen, err := w.shards(session)
	for _, s := range chosen {
		key, by := fmt.Sprint("lag ", s.Session), w.duration("by")
		set := func(by time.Duration) { w.server.Session(s.Session).Lag(by) }
		if set(by); by > 0 {
			w.hold(key, func() { set(0) })
		} else {
			w.c.letGo(key)
		}
	}
	return err
}
