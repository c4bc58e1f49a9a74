package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/signalbox-go/signalbox/events"
)

// UnmarshalJSON reads one desc or several.
func (l *list) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		*l = make(list, 1)
		return json.Unmarshal(data, &(*l)[0])
	}
	return json.Unmarshal(data, (*[]desc)(l))
}

// vocabulary compares opcodes, close codes and intents with package events.
func (r *report) vocabulary() {
	r.numbers("opcodes", "GatewayOpcodes", func(n int) bool { return events.Opcode(n).Known() })
	r.numbers("close codes", "GatewayCloseCodes", func(n int) bool { return events.CloseCode(n).Known() })
	r.numbers("intents", "GatewayIntentBits", func(n int) bool { return events.Intents(n).Unknown() == 0 })
}

func (r *report) numbers(what, enum string, known func(int) bool) {
	theirs, matched := map[int]string{}, 0
	for member, value := range r.facts.Enums[enum] {
		theirs[int(value.(float64))] = member
	}
	for n, member := range theirs {
		if known(n) {
			matched++
		} else {
			r.diffs[enum+"."+member] = "is missing"
		}
	}
	r.tables = append(r.tables, fmt.Sprintf("%d of %d %s", matched, len(theirs), what))
}

// samples are the send events with every field set.
func samples() []events.Outgoing {
	one, yes := events.Snowflake(1), true
	presence := events.UpdatePresence{Since: new(int64), Status: events.StatusIdle, AFK: true,
		Activities: []events.Activity{{Name: "n", Type: events.ActivityStreaming, State: "s", URL: "https://twitch.tv/x"}}}
	return []events.Outgoing{
		events.Heartbeat{}, presence,
		events.Identify{Token: "t", Properties: events.Properties{OS: "o", Browser: "b", Device: "d"}, Compress: true, LargeThreshold: 50,
			Shard: events.ShardID{Total: 1}, Presence: &presence, Intents: 1, Capabilities: 1},
		events.UpdateVoiceState{GuildID: one, ChannelID: &one, SelfMute: true, SelfDeaf: true},
		events.Resume{Token: "t", SessionID: "s", Seq: 1},
		events.RequestGuildMembers{GuildID: one, Query: events.Ptr("q"), Limit: events.Ptr(1), Presences: &yes, Nonce: "n"},
		events.RequestGuildMembers{GuildID: one, UserIDs: []events.Snowflake{one}, Presences: &yes, Nonce: "n"},
		events.RequestSoundboardSounds{GuildIDs: []events.Snowflake{one}},
		events.RequestChannelInfo{GuildID: one, Fields: []string{"status"}},
	}
}

// sends compares what our send events write with what the package says they hold.
func (r *report) sends() {
	written, matched := map[string]map[string]bool{}, map[string]bool{}
	for _, event := range samples() {
		request, err := event.Request()
		op := fmt.Sprint(int(request.Op))
		var data any
		if err == nil {
			err = json.Unmarshal(request.Data, &data)
		}
		if err != nil {
			r.diffs["send "+op] = err.Error()
			continue
		}
		matched[op] = true
		if written[op] == nil {
			written[op] = map[string]bool{}
		}
		keys("", data, written[op])
	}
	for op, d := range r.facts.Sends {
		if !matched[op] {
			r.diffs["send "+op] = "is missing"
			continue
		}
		theirs := map[string]bool{}
		r.keysOf("", d, theirs)
		for key := range theirs {
			if !written[op][key] {
				r.diffs["send "+op+key] = "is missing"
			}
		}
		for key := range written[op] {
			if !theirs[key] {
				r.diffs["send "+op+key] = "is extra"
			}
		}
	}
	r.tables = append(r.tables, fmt.Sprintf("%d of %d send events", len(matched), len(r.facts.Sends)))
}

// keys collects the paths of a JSON value, such as ".presence.activities.name".
func keys(prefix string, value any, into map[string]bool) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			into[prefix+"."+key] = true
			keys(prefix+"."+key, inner, into)
		}
	case []any:
		for _, inner := range v {
			keys(prefix, inner, into)
		}
	}
}

func (r *report) keysOf(prefix string, d desc, into map[string]bool) {
	if d.Kind == "object" {
		for key, f := range r.facts.Types[d.Ref].Fields {
			into[prefix+"."+key] = true
			r.keysOf(prefix+"."+key, f.Type, into)
		}
		return
	}
	for _, inner := range d.Of {
		r.keysOf(prefix, inner, into)
	}
}

// exception explains the differences at the places that its pattern matches.
type exception struct{ pattern, difference, reason string }

// parseExceptions reads lines of "pattern: difference # reason".
func parseExceptions(text string) (all []exception, err error) {
	for _, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		rule, reason, ok := strings.Cut(line, " # ")
		pattern, difference, ok2 := strings.Cut(rule, ": ")
		if !ok || !ok2 {
			return nil, fmt.Errorf("exceptions.txt: %q is not \"place: difference # reason\"", line)
		}
		all = append(all, exception{pattern, strings.TrimSpace(difference), reason})
	}
	return all, nil
}

// print writes the report, and returns how many differences no exception explains.
func (r *report) print(out io.Writer, version string, exceptions []exception) (unexplained int) {
	fmt.Fprintf(out, "compared with discord-api-types %s\n", version)
	for _, line := range r.tables {
		fmt.Fprintln(out, " ", line)
	}
	used := map[string]bool{}
	explained := map[string][]string{}
	for _, place := range slices.Sorted(maps.Keys(r.diffs)) {
		difference := strings.TrimSpace(r.diffs[place])
		i := slices.IndexFunc(exceptions, func(e exception) bool {
			match, err := path.Match(e.pattern, place)
			return err == nil && match && (e.difference == "*" || e.difference == difference)
		})
		if i < 0 {
			unexplained++
			fmt.Fprintf(out, "DIFFERS  %s %s\n", place, difference)
			continue
		}
		e := exceptions[i]
		used[e.pattern+e.difference] = true
		explained[e.reason] = append(explained[e.reason], place+" "+difference)
	}
	for _, reason := range slices.Sorted(maps.Keys(explained)) {
		fmt.Fprintf(out, "exception: %s\n    %s\n", reason, strings.Join(explained[reason], "\n    "))
	}
	for _, e := range exceptions {
		if !used[e.pattern+e.difference] {
			unexplained++
			fmt.Fprintf(out, "UNUSED   the exception %q explains nothing any more: remove it\n", e.pattern+": "+e.difference)
		}
	}
	fmt.Fprintf(out, "%d differences explained, %d not\n", len(r.diffs)-unexplained, unexplained)
	return unexplained
}
