package actors

import "go.uber.org/zap"

// guard calls the user's code, and reports whether it came back: its panic costs this call alone.
func (s *Supervisor) guard(what string, call func()) (ok bool) {
	defer func() {
		if reason := recover(); reason != nil {
			s.log.Error("the rate limiter panicked", zap.String("call", what), zap.String("reason", panicText(reason)))
		}
	}()
	call()
	return true
}
