package session

import (
	"errors"
	"slices"

	"github.com/signalbox-go/signalbox/events"
)

// sendable reports whether a presence is one that may be sent without being asked for: what the gateway would not accept is not to be
// in an Identify, which is written again and again.
func sendable(presence string) bool {
	if presence == "" {
		return false
	}
	_, err := events.ParseRequest(events.OpPresenceUpdate, []byte(presence))
	return err == nil
}

// Presence is the d field of the Update Presence that the session should be sent, by a Send: the session shows another one, or another process
// has sent it, and whether it came is not known. due is false when there is none. Asking changes nothing.
func (m *Machine) Presence() (presence string, due bool) {
	return m.cursor.Presence, m.present && m.state == Ready && m.cursor.Presence != ""
}

// identification is the Identify with the latest presence. One that does not fit into it is sent when the session has begun.
func (m *Machine) identification() (payload []byte, presence string, err error) {
	request, err := m.identify().Request()
	if err != nil {
		return nil, "", err
	}
	if presence = m.cursor.Presence; presence != "" {
		whole := request
		whole.Data = slices.Concat(request.Data[:len(request.Data)-1], []byte(`,"presence":`), []byte(presence), []byte("}"))
		if payload, err = whole.Payload(); err == nil {
			return payload, presence, nil
		}
	}
	payload, err = request.Payload()
	return payload, "", err
}

// showed notes that an Update Presence was written.
func (m *Machine) showed(presence string) {
	m.present, m.last = false, presence
	m.cursor.shown, m.cursor.updated, m.cursor.again = presence, true, false
	if sendable(presence) {
		m.cursor.Presence = presence
	}
}

// refusedPresence notes that the gateway cannot read what it was sent last. If that was a presence it is not sent again: it would end every
// connection, or session.
func (m *Machine) refusedPresence(cause error) {
	var closed *CloseError
	if m.last == "" || !errors.As(cause, &closed) || closed.Code != events.CloseUnknownOpcode && closed.Code != events.CloseDecodeError {
		return
	}
	if m.cursor.Presence == m.last {
		m.cursor.Presence = ""
		m.oddly("the gateway closed with %d right after a presence, which is not sent again", closed.Code)
	}
	m.cursor.shown, m.last = "", ""
}
