package session

import (
	"fmt"

	"github.com/signalbox-go/signalbox/events"
)

// CloseError says that the gateway closed a connection, with its code and reason.
type CloseError struct {
	Code   events.CloseCode // never CloseNone
	Reason string           // as the gateway sent it, at most 123 bytes; often empty
}

// Error names the code, what it means and the gateway's own reason.
func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("session: gateway closed the connection: %v", e.Code)
	}
	return fmt.Sprintf("session: gateway closed the connection: %v (%q)", e.Code, e.Reason)
}

// Fatal reports whether connecting again without a change would end the same way.
func (e *CloseError) Fatal() bool { return e.Code.Verdict() == events.VerdictFatal }

// Resumable reports whether the session may have survived.
func (e *CloseError) Resumable() bool { return e.Code.Verdict() == events.VerdictResume }
