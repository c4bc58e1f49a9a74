package main

import (
	"flag"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox-go/signalbox/events"
)

// words are a list that is separated by commas; a flag that is given again adds to it.
type words []string

// String implements flag.Value.
func (w *words) String() string { return strings.Join(*w, ",") }

// Set implements flag.Value.
func (w *words) Set(text string) error {
	*w = append(*w, strings.Split(text, ",")...)
	return nil
}

// budget are the session starts of a day.
type budget struct {
	total, remaining int
	reset            time.Duration
}

// String implements flag.Value.
func (b *budget) String() string { return fmt.Sprintf("%d,%d,%v", b.total, b.remaining, b.reset) }

// Set implements flag.Value.
func (b *budget) Set(text string) (err error) {
	parts := strings.Split(text, ",")
	next := budget{reset: 24 * time.Hour}
	if next.total, err = strconv.Atoi(parts[0]); err == nil {
		next.remaining = next.total
	}
	if err == nil && len(parts) > 1 {
		next.remaining, err = strconv.Atoi(parts[1])
	}
	if err == nil && len(parts) > 2 {
		next.reset, err = time.ParseDuration(parts[2])
	}
	if err != nil || len(parts) > 3 || next.remaining > next.total {
		return fmt.Errorf("write it as total, remaining (not more than total) and reset, such as 1000,5,1h")
	}
	*b = next
	return nil
}

// callLimit is how many calls may be made in a time.
type callLimit struct {
	calls int
	per   time.Duration
}

// String implements flag.Value.
func (l *callLimit) String() string { return fmt.Sprintf("%d/%v", l.calls, l.per) }

// Set implements flag.Value.
func (l *callLimit) Set(text string) error {
	calls, per, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(calls)
	d, bad := time.ParseDuration(per)
	if err != nil || bad != nil || n < 1 || d <= 0 {
		return fmt.Errorf("write it as calls/time, such as 5/2s")
	}
	*l = callLimit{n, d}
	return nil
}

// intents are those that the application may ask for.
type intents events.Intents

// String implements flag.Value.
func (i *intents) String() string {
	if events.Intents(*i) == events.IntentsAll {
		return "all"
	}
	return strings.ReplaceAll(events.Intents(*i).String(), "|", ",")
}

// Set implements flag.Value.
func (i *intents) Set(text string) error {
	var all events.Intents
	for _, word := range strings.Split(text, ",") {
		name, less := strings.CutPrefix(word, "-")
		one, known := intentNamed(name)
		switch {
		case !known:
			return fmt.Errorf("%q is no intent: write all, none, a number of documented bits, or names as Discord does, such as GUILDS,GUILD_MESSAGES", name)
		case less:
			all &^= one
		default:
			all |= one
		}
	}
	*i = intents(all)
	return nil
}

// intentNamed finds an intent by its name, or intents by their number.
func intentNamed(name string) (events.Intents, bool) {
	if n, err := strconv.ParseUint(name, 10, 64); err == nil {
		return events.Intents(n), events.Intents(n).Unknown() == 0
	}
	switch strings.ToLower(name) {
	case "all":
		return events.IntentsAll, true
	case "none":
		return 0, true
	}
	for rest := uint64(events.IntentsAll); rest != 0; rest &= rest - 1 {
		if one := events.Intents(1) << bits.TrailingZeros64(rest); strings.EqualFold(one.String(), name) {
			return one, true
		}
	}
	return 0, false
}

// help is what -help prints.
func help() string {
	return `gatewaysim is a simulated Discord gateway, with the REST calls that a bot needs, on a port.
Point the bot's REST base at the address that it prints: docs/gatewaysim.md says how, for each library.

` + flagList() + `
Exit status: 0 without a violation, 1 if the bot has done what Discord would have punished (the last
lines count it), 2 if gatewaysim could not start: a flag or the scenario is wrong, or the address is
taken; 3 if a step of the scenario has failed, or it was stopped before its end.
SIGINT and SIGTERM end it in order; a second one ends it at once.
`
}

// flagList is all flags, by their names.
func flagList() string {
	var text strings.Builder
	new(options).flags().VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		if value != "" {
			value = " " + value
		}
		fmt.Fprintf(&text, "  -%s%s\n    \t%s", f.Name, value, usage)
		if hasDefault(f) {
			fmt.Fprintf(&text, " (default %s)", f.DefValue)
		}
		text.WriteByte('\n')
	})
	return text.String()
}

// hasDefault reports whether a flag's default is worth a word that its usage does not have.
func hasDefault(f *flag.Flag) bool {
	return f.DefValue != "" && f.DefValue != "false" && !strings.Contains(f.Usage, "default")
}
