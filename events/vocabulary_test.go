package events_test

import (
	"strings"
	"testing"

	"github.com/signalbox-go/signalbox/events"
)

// TestIntentsHaveDiscordsBits: each intent stands here once more with its value as a number. The simulated gateway uses the same
// constants, so that nothing else would notice a wrong bit.
func TestIntentsHaveDiscordsBits(t *testing.T) {
	t.Parallel()
	table := []struct {
		intent     events.Intents
		value      uint64
		name       string
		privileged bool
	}{
		{events.IntentGuilds, 1, "GUILDS", false},
		{events.IntentGuildMembers, 2, "GUILD_MEMBERS", true},
		{events.IntentGuildModeration, 4, "GUILD_MODERATION", false},
		{events.IntentGuildExpressions, 8, "GUILD_EXPRESSIONS", false},
		{events.IntentGuildIntegrations, 16, "GUILD_INTEGRATIONS", false},
		{events.IntentGuildWebhooks, 32, "GUILD_WEBHOOKS", false},
		{events.IntentGuildInvites, 64, "GUILD_INVITES", false},
		{events.IntentGuildVoiceStates, 128, "GUILD_VOICE_STATES", false},
		{events.IntentGuildPresences, 256, "GUILD_PRESENCES", true},
		{events.IntentGuildMessages, 512, "GUILD_MESSAGES", false},
		{events.IntentGuildMessageReactions, 1024, "GUILD_MESSAGE_REACTIONS", false},
		{events.IntentGuildMessageTyping, 2048, "GUILD_MESSAGE_TYPING", false},
		{events.IntentDirectMessages, 4096, "DIRECT_MESSAGES", false},
		{events.IntentDirectMessageReactions, 8192, "DIRECT_MESSAGE_REACTIONS", false},
		{events.IntentDirectMessageTyping, 16384, "DIRECT_MESSAGE_TYPING", false},
		{events.IntentMessageContent, 32768, "MESSAGE_CONTENT", true},
		{events.IntentGuildScheduledEvents, 65536, "GUILD_SCHEDULED_EVENTS", false},
		{events.IntentAutoModerationConfiguration, 1048576, "AUTO_MODERATION_CONFIGURATION", false},
		{events.IntentAutoModerationExecution, 2097152, "AUTO_MODERATION_EXECUTION", false},
		{events.IntentGuildMessagePolls, 16777216, "GUILD_MESSAGE_POLLS", false},
		{events.IntentDirectMessagePolls, 33554432, "DIRECT_MESSAGE_POLLS", false},
	}
	if len(table) != 21 {
		t.Fatalf("%d intents", len(table))
	}
	var all uint64
	for _, row := range table {
		if uint64(row.intent) != row.value || row.intent.String() != row.name {
			t.Errorf("%s is %d, want %d by the name of %s", row.intent, uint64(row.intent), row.value, row.name)
		}
		if !events.IntentsAll.Has(row.intent) || events.IntentsPrivileged.Has(row.intent) != row.privileged || events.IntentsUnprivileged.Has(row.intent) == row.privileged {
			t.Errorf("%s: privileged is %v", row.name, !row.privileged)
		}
		all |= row.value
	}
	if all != 53608447 || events.IntentsAll != 53608447 || events.IntentsUnprivileged != 53575421 || events.IntentsPrivileged != 33026 {
		t.Errorf("all %d, unprivileged %d, privileged %d", events.IntentsAll, events.IntentsUnprivileged, events.IntentsPrivileged)
	}
	for _, bit := range []int{17, 18, 19, 22, 23, 26, 63} {
		if unknown := (events.IntentsAll | 1<<bit).Unknown(); unknown != 1<<bit {
			t.Errorf("bit %d: unknown are %v", bit, unknown)
		}
	}
}

// TestHasAsksForAllOfThem: some of the intents that are asked for are not all of them. What no intent has prints as its bit.
func TestHasAsksForAllOfThem(t *testing.T) {
	t.Parallel()
	const both = events.IntentGuilds | events.IntentGuildMembers
	if events.IntentGuilds.Has(both) || !both.Has(both) || !both.Has(events.IntentGuilds) || !events.Intents(0).Has(0) || events.Intents(0).Has(1) {
		t.Error("Has does not ask for all of them")
	}
	if s := events.Intents(0).String(); s != "none" {
		t.Errorf("no intents print as %q", s)
	}
	if s := (events.IntentGuilds | events.IntentMessageContent | 1<<17 | 1<<63).String(); s != "GUILDS|MESSAGE_CONTENT|1<<17|1<<63" {
		t.Error(s)
	}
}

// TestOpcodesHaveDiscordsNumbers: each opcode stands here once more with its number and name.
func TestOpcodesHaveDiscordsNumbers(t *testing.T) {
	t.Parallel()
	table := map[events.Opcode]struct {
		number int
		name   string
	}{
		events.OpDispatch: {0, "Dispatch (0)"}, events.OpHeartbeat: {1, "Heartbeat (1)"}, events.OpIdentify: {2, "Identify (2)"},
		events.OpPresenceUpdate: {3, "Presence Update (3)"}, events.OpVoiceStateUpdate: {4, "Voice State Update (4)"},
		events.OpResume: {6, "Resume (6)"}, events.OpReconnect: {7, "Reconnect (7)"},
		events.OpRequestGuildMembers: {8, "Request Guild Members (8)"}, events.OpInvalidSession: {9, "Invalid Session (9)"},
		events.OpHello: {10, "Hello (10)"}, events.OpHeartbeatACK: {11, "Heartbeat ACK (11)"},
		events.OpRequestSoundboardSounds: {31, "Request Soundboard Sounds (31)"}, events.OpRequestChannelInfo: {43, "Request Channel Info (43)"},
	}
	known := 0
	for op := events.Opcode(-1); op <= 64; op++ {
		if op.Known() {
			known++
		}
	}
	if len(table) != 13 || known != 13 {
		t.Errorf("%d opcodes in the table, %d known, want 13", len(table), known)
	}
	for op, row := range table {
		if int(op) != row.number || op.String() != row.name || !op.Known() {
			t.Errorf("%v is %d, known %v; want %d, %s", op, int(op), op.Known(), row.number, row.name)
		}
	}
	if op := events.Opcode(5); op.Known() || op.String() != "opcode 5" {
		t.Errorf("%v, known %v", op, op.Known())
	}
}

// TestCloseCodesHaveDiscordsNumbers: the constants have the numbers of the documentation, and no other number is known.
func TestCloseCodesHaveDiscordsNumbers(t *testing.T) {
	t.Parallel()
	table := map[events.CloseCode]int{
		events.CloseNone: 0, events.CloseNormal: 1000, events.CloseGoingAway: 1001, events.CloseUnknownError: 4000,
		events.CloseUnknownOpcode: 4001, events.CloseDecodeError: 4002, events.CloseNotAuthenticated: 4003,
		events.CloseAuthenticationFailed: 4004, events.CloseAlreadyAuthenticated: 4005, events.CloseInvalidSession: 4006,
		events.CloseInvalidSeq: 4007, events.CloseRateLimited: 4008, events.CloseSessionTimedOut: 4009, events.CloseInvalidShard: 4010,
		events.CloseShardingRequired: 4011, events.CloseInvalidAPIVersion: 4012, events.CloseInvalidIntents: 4013, events.CloseDisallowedIntents: 4014,
	}
	for code, number := range table {
		if int(code) != number || !code.Known() {
			t.Errorf("%d, known %v, want %d", int(code), code.Known(), number)
		}
	}
	for code := events.CloseCode(-1); code < 5000; code++ {
		if _, listed := table[code]; code.Known() != listed {
			t.Errorf("%d: known %v", int(code), code.Known())
		}
	}
}

// TestEventsAreGatedByDiscordsIntents: each event's intents stand here once more, as the documentation lists them.
func TestEventsAreGatedByDiscordsIntents(t *testing.T) {
	t.Parallel()
	want := map[events.Type]events.Intents{}
	for _, line := range []struct {
		intents events.Intents
		names   string
	}{
		{0, `READY RESUMED RATE_LIMITED INTERACTION_CREATE USER_UPDATE VOICE_SERVER_UPDATE APPLICATION_COMMAND_PERMISSIONS_UPDATE
			GUILD_MEMBERS_CHUNK SOUNDBOARD_SOUNDS CHANNEL_INFO ENTITLEMENT_CREATE ENTITLEMENT_UPDATE ENTITLEMENT_DELETE
			SUBSCRIPTION_CREATE SUBSCRIPTION_UPDATE SUBSCRIPTION_DELETE
			GUILD_JOIN_REQUEST_DELETE`}, // which is not documented, and has been seen by bots without the intent of the other two
		{1 << 0, `GUILD_CREATE GUILD_UPDATE GUILD_DELETE GUILD_ROLE_CREATE GUILD_ROLE_UPDATE GUILD_ROLE_DELETE CHANNEL_CREATE CHANNEL_UPDATE
			CHANNEL_DELETE THREAD_CREATE THREAD_UPDATE THREAD_DELETE THREAD_LIST_SYNC THREAD_MEMBER_UPDATE STAGE_INSTANCE_CREATE
			STAGE_INSTANCE_UPDATE STAGE_INSTANCE_DELETE VOICE_CHANNEL_STATUS_UPDATE VOICE_CHANNEL_START_TIME_UPDATE`},
		{1<<0 | 1<<12, `CHANNEL_PINS_UPDATE`},
		{1<<0 | 1<<1, `THREAD_MEMBERS_UPDATE`},
		{1 << 1, `GUILD_MEMBER_ADD GUILD_MEMBER_UPDATE GUILD_MEMBER_REMOVE`},
		{1 << 2, `GUILD_AUDIT_LOG_ENTRY_CREATE GUILD_BAN_ADD GUILD_BAN_REMOVE
			GUILD_JOIN_REQUEST_CREATE GUILD_JOIN_REQUEST_UPDATE`},
		{1 << 3, `GUILD_EMOJIS_UPDATE GUILD_STICKERS_UPDATE GUILD_SOUNDBOARD_SOUND_CREATE GUILD_SOUNDBOARD_SOUND_UPDATE
			GUILD_SOUNDBOARD_SOUND_DELETE GUILD_SOUNDBOARD_SOUNDS_UPDATE`},
		{1 << 4, `GUILD_INTEGRATIONS_UPDATE INTEGRATION_CREATE INTEGRATION_UPDATE INTEGRATION_DELETE`},
		{1 << 5, `WEBHOOKS_UPDATE`},
		{1 << 6, `INVITE_CREATE INVITE_DELETE`},
		{1 << 7, `VOICE_STATE_UPDATE VOICE_CHANNEL_EFFECT_SEND`},
		{1 << 8, `PRESENCE_UPDATE`},
		{1<<9 | 1<<12, `MESSAGE_CREATE MESSAGE_UPDATE MESSAGE_DELETE`},
		{1 << 9, `MESSAGE_DELETE_BULK`},
		{1<<10 | 1<<13, `MESSAGE_REACTION_ADD MESSAGE_REACTION_REMOVE MESSAGE_REACTION_REMOVE_ALL MESSAGE_REACTION_REMOVE_EMOJI`},
		{1<<11 | 1<<14, `TYPING_START`},
		{1 << 16, `GUILD_SCHEDULED_EVENT_CREATE GUILD_SCHEDULED_EVENT_UPDATE GUILD_SCHEDULED_EVENT_DELETE GUILD_SCHEDULED_EVENT_USER_ADD
			GUILD_SCHEDULED_EVENT_USER_REMOVE GUILD_SCHEDULED_EVENT_EXCEPTION_CREATE GUILD_SCHEDULED_EVENT_EXCEPTION_UPDATE
			GUILD_SCHEDULED_EVENT_EXCEPTION_DELETE`},
		{1 << 20, `AUTO_MODERATION_RULE_CREATE AUTO_MODERATION_RULE_UPDATE AUTO_MODERATION_RULE_DELETE`},
		{1 << 21, `AUTO_MODERATION_ACTION_EXECUTION`},
		{1<<24 | 1<<25, `MESSAGE_POLL_VOTE_ADD MESSAGE_POLL_VOTE_REMOVE`},
	} {
		for name := range strings.FieldsSeq(line.names) {
			want[events.Type(name)] = line.intents
		}
	}
	for _, name := range events.Types() {
		intents, listed := want[name]
		if gates, known := name.Gates(); !listed || !known || gates != intents {
			t.Errorf("%s: gates %v, known %v; want %v, listed %v", name, gates, known, intents, listed)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not known: %v", want)
	}
	if gates, known := events.Type("NEW_IN_2027").Gates(); known || gates != 0 {
		t.Errorf("an unknown event: %v, %v", gates, known)
	}
}
