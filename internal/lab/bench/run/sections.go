package main

import "fmt"

// section is one table: the same scenario for several clients, in turn, round by round.
type section struct {
	name, title string
	gateway     string // its flags
	scenario    string // flags of all clients; if it is a test program, clients are its benchmarks and there is no gateway
	clients     []client
	metrics     []metric
	goals       []goal
	rounds      int // 0: as many as the command says
	pairs       int // so many rounds, whose order alternates, and figures of goals have their interval; 0: it is no such section
	long        bool
}

type client struct{ label, command string }

type metric struct{ key, head string }

// goal compares one client's metric with another's in the same round, or with a number.
type goal struct {
	what, metric string
	of, to       string // clients; to may be empty
	is           string // "≤" or "≥" for the ratio, or the figure if to is empty; "≤ +" for the difference
	bound        float64
}

var floodMetrics = []metric{
	{"events_per_s", "events/s"}, {"cpu_s_per_million", "CPU s per 10⁶ events"}, {"allocs_per_event", "allocations an event"},
	{"alloc_bytes_per_event", "bytes an event"}, {"max_rss_mib", "peak MiB"},
}

var idleMetrics = []metric{
	{"rss_kib_per_shard", "resident KiB a shard"}, {"rss_trimmed_kib_per_shard", "after a release to the system"}, {"heap_live_kib_per_shard", "live heap KiB a shard"},
	{"stack_kib_per_shard", "stack KiB a shard"}, {"goroutines_per_shard", "goroutines a shard"}, {"cpu_us_per_beat", "CPU µs a heartbeat"},
}

func flood(name, title string, shards, events int, flags string, clients []client, goals ...goal) section {
	return section{
		name: name, title: title, gateway: fmt.Sprintf("-events %d", events),
		scenario: fmt.Sprintf("-scenario flood -shards %d -events %d%s", shards, events, flags), clients: clients, metrics: floodMetrics, goals: goals,
	}
}

func idle(shards int, compress string, goals ...goal) section {
	return section{
		name: fmt.Sprintf("idle-%d-%s", shards, compress), title: fmt.Sprintf("Idle: %d shards, %s", shards, compress),
		gateway:  "-events 100 -heartbeat 6s -ack-delay 20ms -max-concurrency 4000",
		scenario: fmt.Sprintf("-scenario idle -events 0 -settle 7s -shards %d -compress %s", shards, compress),
		clients:  both, metrics: idleMetrics, rounds: 5, goals: append(goals,
			goal{"resident memory", "rss_kib_per_shard", "signalbox", "floor", "≤", 1.25},
			goal{"goroutines a shard", "goroutines_per_shard", "signalbox", "", "≤", 2},
			goal{"live heap KiB a shard", "heap_live_kib_per_shard", "signalbox", "floor", "≤ +", 8},
			goal{"CPU of heartbeating", "cpu_us_per_beat", "signalbox", "floor", "≤", 1.25}),
	}
}

func afterBurst(compress string, most float64) section {
	return section{
		name: "burst-" + compress, title: "Idle after one guild of 300 KB for each of 1,000 shards, " + compress,
		gateway:  "-events 100 -heartbeat 6s -ack-delay 20ms",
		scenario: "-scenario idle -events 5 -settle 7s -shards 1000 -compress " + compress,
		clients:  both, metrics: idleMetrics, rounds: 5,
		goals: []goal{{"resident memory", "rss_kib_per_shard", "signalbox", "floor", "≤", most},
			{"resident memory after a release to the system", "rss_trimmed_kib_per_shard", "signalbox", "floor", "≤", most}},
	}
}

var both = []client{{"floor", "floor"}, {"signalbox", "signalbox"}}

func sections() []section {
	held := []goal{ // with more shards, or one, the ratios are the same ± 15 %
		{"CPU an event", "cpu_s_per_million", "signalbox", "floor", "≤", 1.5 * 1.15}, {"events/s", "events_per_s", "signalbox", "floor", "≥", 0.7 * 0.85},
	}
	all := []section{
		flood("flood", "Flood: 8 shards, zstd, a handler of raw events", 8, 8000, "", []client{
			{"floor", "floor -compress zstd-stream"}, {"floor, a copy and an actor", "floor -compress zstd-stream -variant actor"},
			{"signalbox", "signalbox -compress zstd-stream"}, {"discordgo", "discordgo -compress payload -variant lean"}, {"disgo", "disgo -compress zstd-stream"},
		},
			goal{"CPU an event", "cpu_s_per_million", "signalbox", "floor", "≤", 1.5}, goal{"CPU an event", "cpu_s_per_million", "signalbox", "discordgo", "≤", 0.1},
			goal{"CPU an event", "cpu_s_per_million", "signalbox", "disgo", "≤", 0.1}, goal{"events/s", "events_per_s", "signalbox", "floor", "≥", 0.7},
			goal{"allocations an event", "allocs_per_event", "signalbox", "", "≤", 2}),
		flood("typed", "Flood: 8 shards, zstd, a handler of MESSAGE_CREATE", 8, 8000, " -handler message", []client{
			{"floor", "floor -compress zstd-stream"}, {"signalbox", "signalbox -compress zstd-stream"},
			{"discordgo", "discordgo -compress payload -variant lean"}, {"disgo", "disgo -compress zstd-stream"},
		}, goal{"CPU an event", "cpu_s_per_million", "signalbox", "floor", "≤", 2}),
		flood("flood-1", "Flood: 1 shard", 1, 64000, " -compress zstd-stream", both, held...),
		flood("flood-64", "Flood: 64 shards", 64, 2000, " -compress zstd-stream", both,
			append(held[:2:2], goal{"peak memory", "max_rss_mib", "signalbox", "floor", "≤", 1.5})...),
		flood("flood-512", "Flood: 512 shards", 512, 250, " -compress zstd-stream", both, held...),
		flood("flood-zlib", "Flood: 8 shards, zlib", 8, 8000, " -compress zlib-stream", both),
		flood("flood-none", "Flood: 8 shards, no compression", 8, 8000, " -compress none", both),
	}
	for _, shards := range []int{1000, 4000} {
		for _, compress := range []string{"zstd-stream", "none"} {
			all = append(all, idle(shards, compress))
		}
	}
	return append(all, afterBurst("zstd-stream", 0.85), afterBurst("zlib-stream", 0.7),
		section{
			name: "reconnects", title: "Idle: 1000 shards, zstd-stream, after all connections were lost", gateway: "-events 100 -heartbeat 30s -ack-delay 20ms",
			scenario: "-scenario idle -events 0 -settle 10s -shards 1000 -compress zstd-stream", rounds: 3,
			clients: []client{{"never", "signalbox"}, {"three times", "signalbox -drops 3"}},
			metrics: []metric{{"rss_kib_per_shard", "resident KiB a shard"}, {"rss_trimmed_kib_per_shard", "after a release to the system"}, {"heap_live_kib_per_shard", "live heap KiB a shard"}, {"max_rss_mib", "peak MiB"}},
		},
		section{
			name: "request", title: "One request: RequestGuildMembers to its chunk", gateway: "-events 100", scenario: "-scenario request -events 3000",
			clients: []client{{"floor", "floor -compress zstd-stream"}, {"signalbox", "signalbox -compress zstd-stream"}, {"discordgo", "discordgo -variant lean"}, {"disgo", "disgo -variant gateway -compress zstd-stream"}},
			metrics: []metric{{"request_p50_us", "p50 µs"}, {"request_p99_us", "p99 µs"}, {"requests_per_s", "requests/s, 256 at once"}, {"request_cpu_us", "CPU µs"}},
			goals: []goal{{"p50", "request_p50_us", "signalbox", "floor", "≤", 1.6}, {"p99", "request_p99_us", "signalbox", "floor", "≤", 2},
				{"CPU", "request_cpu_us", "signalbox", "floor", "≤", 2}, {"requests/s", "requests_per_s", "signalbox", "floor", "≥", 0.6}},
		},
		section{
			name: "start", title: "Start: 1,000 shards, max_concurrency 1,000", gateway: "-events 100", scenario: "-scenario startup -shards 1000 -compress zstd-stream",
			clients: []client{{"floor", "floor"}, {"signalbox", "signalbox"}, {"disgo", "disgo"}},
			metrics: []metric{{"startup_s", "s"}, {"startup_cpu_s", "CPU s"}},
			goals:   []goal{{"time", "startup_s", "signalbox", "floor", "≤", 1.5}},
		},
		section{
			name: "admission", title: "Admission, through one supervisor", scenario: "actors.test -test.run ^$ -test.benchmem -test.bench",
			clients: []client{{"of all shards", "^BenchmarkAdmission$"}, {"one send, alone", "^BenchmarkAdmissionBesideAFlood$/^alone$"}, {"one send, beside a flood", "^BenchmarkAdmissionBesideAFlood$/^flood$"}},
			metrics: []metric{{"admissions/s", "admissions/s"}, {"p50-µs", "p50 µs"}, {"p99-µs", "p99 µs"}, {"allocs/op", "allocations"}},
			goals:   []goal{{"admissions/s", "admissions/s", "of all shards", "", "≥", 500_000}, {"p99", "p99-µs", "one send, beside a flood", "one send, alone", "≤", 1.1}},
		},
		growth(), compression(), overhead())
}

// overhead is what metrics and the flight recorder cost, in pairs with a Manager that has neither.
func overhead() section {
	return section{
		name: "overhead", title: "Overhead of metrics and of the flight recorder", gateway: "-events 64000",
		scenario: "-scenario flood -shards 8 -events 64000 -compress zstd-stream", pairs: 20, long: true, metrics: floodMetrics,
		clients: []client{{"neither", "observed"}, {"metrics", "observed -variant metrics"}, {"flight recorder", "observed -variant recorder"}},
		goals: []goal{
			{"CPU an event", "cpu_s_per_million", "metrics", "neither", "≤", 1.03}, {"CPU an event", "cpu_s_per_million", "flight recorder", "neither", "≤", 1.05},
			{"allocations an event", "allocs_per_event", "flight recorder", "neither", "≤", 1.01},
		},
	}
}

// compression is what memory each compression costs once a large guild has come for each shard.
func compression() section {
	s := section{
		name: "compression", title: "Memory by compression, after one guild of 300 KB for each shard", gateway: "-events 100 -heartbeat 41250ms -ack-delay 20ms -max-concurrency 16000",
		scenario: "-scenario idle -events 5 -settle 11s", rounds: 1, long: true,
		metrics: []metric{{"rss_total_mib", "resident MiB"}, {"rss_kib_per_shard", "KiB a shard"}, {"rss_trimmed_kib_per_shard", "after a release to the system"}, {"heap_live_kib_per_shard", "live heap KiB a shard"}},
	}
	for _, shards := range []int{100, 1000, 16000} {
		for _, compress := range []string{"zstd-stream", "zlib-stream", "none"} {
			s.clients = append(s.clients, client{fmt.Sprintf("%d, %s", shards, compress), fmt.Sprintf("signalbox -timeout 5m -shards %d -compress %s", shards, compress)})
		}
	}
	return s
}

// growth is one table of this library, beside the floor with zstd, at rest and then in a flood of half a million events in all, without large guilds.
func growth() section {
	s := section{
		name: "growth", title: "Growth, by number of shards: at rest, and in a flood", gateway: "-events 64000 -small-guilds -heartbeat 10s -ack-delay 20ms -max-concurrency 16000",
		scenario: "-scenario growth -settle 12s", rounds: 3, long: true,
		metrics: append(idleMetrics[:len(idleMetrics):len(idleMetrics)], metric{"rss_total_mib", "resident MiB in all"}, metric{"late_p50_ms", "heartbeats late, p50 ms"},
			metric{"late_p999_ms", "p99.9 ms"}, metric{"late_max_ms", "at most"}, metric{"startup_s", "started in s"},
			metric{"events_per_s", "flood: events/s"}, metric{"cpu_s_per_million", "CPU s per 10⁶ events"}, metric{"allocs_per_event", "allocations an event"}, metric{"max_rss_mib", "peak MiB"}),
	}
	for _, compress := range []string{"zstd-stream", "zlib-stream"} {
		for _, shards := range []int{1, 8, 64, 512, 1000, 4096, 16000} {
			s.clients = append(s.clients, client{fmt.Sprintf("%d, %s", shards, compress),
				fmt.Sprintf("signalbox -timeout 5m -shards %d -compress %s -events %d", shards, compress, min(64000, 512000/shards))})
		}
	}
	for _, shards := range []int{1, 8, 64, 512, 1000, 4096, 16000} { // what does not come from us
		s.clients = append(s.clients, client{fmt.Sprintf("floor, %d, zstd-stream", shards),
			fmt.Sprintf("floor -timeout 5m -shards %d -compress zstd-stream -events %d", shards, min(64000, 512000/shards))})
	}
	for _, of := range []struct {
		compress string
		most     float64
	}{{"zstd-stream", 2048}, {"zlib-stream", 1536}} {
		compress, most := of.compress, of.most
		most16 := fmt.Sprintf("16000, %s", compress)
		s.goals = append(s.goals, goal{"resident MiB", "rss_total_mib", most16, "", "≤", most}, goal{"heartbeats late by, p99.9 ms", "late_p999_ms", most16, "", "≤", 250},
			goal{"resident KiB a shard", "rss_kib_per_shard", most16, fmt.Sprintf("1000, %s", compress), "≤", 1.1},
			goal{"CPU a heartbeat", "cpu_us_per_beat", most16, fmt.Sprintf("1000, %s", compress), "≤", 1.1})
	}
	return s
}
