package events

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// IntentNameError says that a name is no intent's.
type IntentNameError struct{ Name string }

// Error quotes the name.
func (e *IntentNameError) Error() string {
	return fmt.Sprintf("events: %q is no intent: the names are those of Discord, such as GUILDS or MESSAGE_CONTENT", e.Name)
}

// ParseIntents reads intents by Discord's names, with commas or bars between them, such as "GUILDS,GUILD_MESSAGES", in capitals or not, with spaces around them or not. It is
// the inverse of Intents.String: "none" is no intent, and "1<<17" a bit that has no name. The error joins an *IntentNameError for each name that is none, also for an
// empty one; then the intents are the others.
func ParseIntents(text string) (all Intents, err error) {
	for name := range strings.SplitSeq(strings.ReplaceAll(text, "|", ","), ",") {
		one, known := parseIntent(strings.ToUpper(strings.TrimSpace(name)))
		if !known {
			err = errors.Join(err, &IntentNameError{strings.TrimSpace(name)})
		}
		all |= one
	}
	return all, err
}

func parseIntent(name string) (Intents, bool) {
	if name == "NONE" {
		return 0, true
	}
	if bit, found := strings.CutPrefix(name, "1<<"); found {
		n, err := strconv.ParseUint(bit, 10, 6)
		if err != nil {
			return 0, false
		}
		return 1 << n, true
	}
	for rest := uint64(IntentsAll); rest != 0; rest &= rest - 1 {
		if bit := bits.TrailingZeros64(rest); intentNames[bit] == name {
			return 1 << bit, true
		}
	}
	return 0, false
}
