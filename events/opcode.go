package events

import "strconv"

// Opcode says what a gateway payload is; it is the payload's op field.
//
// Source: topics/opcodes-and-status-codes#gateway-gateway-opcodes
type Opcode int

// The opcodes that a bot receives or sends.
const (
	OpDispatch                Opcode = 0  // receive: an event, named by t
	OpHeartbeat               Opcode = 1  // both: keeps the connection alive
	OpIdentify                Opcode = 2  // send: starts a session
	OpPresenceUpdate          Opcode = 3  // send: the bot's status
	OpVoiceStateUpdate        Opcode = 4  // send: join, leave or move between voice channels
	OpResume                  Opcode = 6  // send: continues a session
	OpReconnect               Opcode = 7  // receive: reconnect and resume
	OpRequestGuildMembers     Opcode = 8  // send: asks for members of a guild
	OpInvalidSession          Opcode = 9  // receive: the session is refused or gone
	OpHello                   Opcode = 10 // receive: the first payload, with the heartbeat interval
	OpHeartbeatACK            Opcode = 11 // receive: answers a heartbeat
	OpRequestSoundboardSounds Opcode = 31 // send: asks for soundboard sounds of guilds
	OpRequestChannelInfo      Opcode = 43 // send: asks for voice channels' status and start time
)

var opcodeNames = map[Opcode]string{
	OpDispatch: "Dispatch", OpHeartbeat: "Heartbeat", OpIdentify: "Identify",
	OpPresenceUpdate: "Presence Update", OpVoiceStateUpdate: "Voice State Update", OpResume: "Resume",
	OpReconnect: "Reconnect", OpRequestGuildMembers: "Request Guild Members",
	OpInvalidSession: "Invalid Session", OpHello: "Hello", OpHeartbeatACK: "Heartbeat ACK",
	OpRequestSoundboardSounds: "Request Soundboard Sounds", OpRequestChannelInfo: "Request Channel Info",
}

// String is Discord's name of the opcode and its number, such as "Hello (10)".
func (o Opcode) String() string {
	if name, ok := opcodeNames[o]; ok {
		return name + " (" + strconv.Itoa(int(o)) + ")"
	}
	return "opcode " + strconv.Itoa(int(o))
}

// Known reports whether o is documented for bots.
func (o Opcode) Known() bool {
	_, ok := opcodeNames[o]
	return ok
}
