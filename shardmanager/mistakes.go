package shardmanager

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/signalbox-go/signalbox/actors"
	"github.com/signalbox-go/signalbox/internal/transport"
)

// maxShards is how many shards there may be, of the whole bot.
const maxShards = actors.MaxTotal

// checkMistakes reports what people write by mistake, and what would show much later, or never.
func (c *config) checkMistakes(bad func(option, format string, args ...any)) {
	if c.nilOption {
		bad("New", "an option is nil: leave it out")
	}
	// A pointer that is nil, such as that of a store which could not be opened, is not the nil of an interface.
	if isNil(c.limiter) {
		bad("WithRateLimiter", "it is a nil %T: was there an error when it was made?", c.limiter)
	}
	if isNil(c.tracer) {
		bad("WithTracer", "it is a nil %T: leave the option out for no traces", c.tracer)
	}
	if c.noStore {
		bad("WithSessionStore", "it is nil: pass a store that is open, or leave the option out")
	}
	for _, host := range c.hosts {
		if err := transport.CheckHost(host); err != nil {
			bad("WithGatewayHosts", "%.64q %v", host, err)
		}
	}
	switch {
	case c.placeErr != nil:
		bad("WithHandover", "%v", c.placeErr)
	case c.place != nil && c.standby:
		bad("WithHandover", "the shards are to be taken over, and WithStandby has them wait: leave one of the two out")
	}
	if c.drain < 0 {
		bad("WithDrain", "%v: use 0 or more", c.drain)
	}
}

// isNil reports whether a value is there whose pointer, map or function is nil.
func isNil(value any) bool {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Func:
		return v.IsNil()
	}
	return false
}

// shownURL is a URL as a mistake's text names it. A password may be in it, or a key.
func shownURL(given string) string {
	if strings.ContainsAny(given, "@?#") {
		return "what was given"
	}
	return fmt.Sprintf("%.64q", given)
}
