// Package gatewaytest is a simulated Discord Gateway: to a bot what net/http/httptest is to a
// web client. It speaks the whole protocol over real WebSocket connections, on a loopback port
// or on a virtual network inside a testing/synctest bubble, where a test of hours takes
// milliseconds. It punishes what Discord punishes, and writes down every violation with its time.
//
//	synctest.Test(t, func(t *testing.T) {
//		server := gatewaytest.NewServer(t, gatewaytest.WithVirtualNetwork(), gatewaytest.WithShards(2), gatewaytest.WithGuilds(guild))
//		m, err := shardmanager.New("token", shardmanager.WithGateway(server),
//			shardmanager.WithIntents(events.IntentGuildMessages|events.IntentMessageContent))
//		…
//		server.World().Message(guild, gatewaytest.Message{Content: "!ping"})
//		server.Shard(0).Drop() // the bot resumes, and misses nothing
//		…
//		server.RequireNoViolations(t)
//	})
//
// Any client can be tested with it, whatever library or language it is written with: it is met
// by a URL, and by DialContext where there is no port. What happens in the bot's guilds is up to
// a [World]: it happens once, and is told to every session that should hear of it. A bot's REST calls are
// answered from the same world: what it writes happens there, and so do its answers to interactions ([World.Command]). A test gives
// orders to a session with a [Script], steps in with OnConnect, OnFrame, OnDiscovery and OnCall, and asks afterwards with
// Violations, Stats, Frames and Calls.
//
// It shares no code with the client that it judges, but for the names of the events package:
// limits, intents and shards it counts anew, by brute force, over the times at which it has read.
// What it knows of the protocol is Discord's documentation; it has no permissions, and of REST what
// a bot needs to log in, to write and to answer. For the rest a test has a handler of its own: see [WithREST].
package gatewaytest
