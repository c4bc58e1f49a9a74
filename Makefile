.PHONY: help check test race lint gen drift fuzz bench growth benchmicro benchcmp benchagainst foreign gauntlet gauntlet-recovery mutants

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

check: ## everything that CI runs
	bash .ci/run

test: ## all tests
	go test ./...

race: ## all tests with the race detector
	go test -race ./...

lint: ## formatting, vet, staticcheck
	gofmt -l .
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

gen: ## write the generated code, pages and transcripts anew
	go run ./internal/cmd/eventgen
	go run ./internal/cmd/pictures
	go test ./internal/lab/runbook -update
	go test ./actors ./session ./events ./internal/lab/reliability ./examples/gatewaysim -update
	go test ./session/gatewaytest/control -run TestDocs -update
	go test ./shardmanager/metrics -run TestPage -update

drift: ## compare the vocabulary with the newest discord-api-types (needs Node.js and npm)
	go run ./internal/cmd/drift

fuzz: ## run each fuzz target for a minute
	go test ./events -fuzz FuzzPeek -fuzztime 1m
	go test ./events -fuzz FuzzDecode -fuzztime 1m
	go test ./events -fuzz FuzzPresences -fuzztime 1m
	go test ./events/internal/number -fuzz FuzzInt -fuzztime 1m
	go test ./events -fuzz FuzzParseRequest -fuzztime 1m
	go test ./events/discord -fuzz FuzzSnowflake -fuzztime 1m
	go test ./events/schema -fuzz FuzzParse -fuzztime 1m
	go test ./session -fuzz FuzzStep -fuzztime 1m
	go test ./internal/transport -fuzz FuzzInflate -fuzztime 1m

bench: ## this library, the floor and its peers over loopback: writes the tables of docs/benchmarks.md (20 minutes)
	cd internal/lab/bench && ulimit -n 20000 && go run ./run -o ../../../docs/benchmarks.md

growth: ## the tables of docs/benchmarks.md up to 16,000 shards (35 minutes, 16 GiB)
	cd internal/lab/bench && ulimit -n 20000 && go run ./run -only growth,compression -o ../../../docs/benchmarks.md

benchmicro: ## micro-benchmarks of the ways through the house
	go test -run '^$$' -bench . -benchmem ./actors ./events ./events/internal/wire ./session ./ratelimit ./internal/bus ./internal/transport ./shardmanager
	cd internal/lab/bench && go test -run '^$$' -bench . -benchmem ./codec ./inflate

benchcmp: ## compare two commits: make benchcmp OLD=main~1 NEW=main
	bash internal/lab/bench/compare.sh $(OLD) $(NEW)

benchagainst: ## whole programs of this tree and of an older commit, in turn: make benchagainst OLD=main~1 ONLY=flood,typed,request
	cd internal/lab/bench && ulimit -n 20000 && go run ./run -against $(or $(OLD),$(error name the older commit: OLD=main~1)) -only "$(ONLY)"

foreign: ## clients of other libraries on the simulated gateway: writes docs/foreign-clients.md (10 minutes; needs Node.js, npm and python3-discord)
	go run ./internal/lab/foreign -parallel 6 -o docs/foreign-clients.md

gauntlet: ## this library and its peers through failures on a socket, as a table (docs/gauntlet.md)
	cd internal/lab/bench && go run ./gauntlet

gauntlet-recovery: ## how soon they are back after a loss, of 1 to 5,000 shards, as a table (docs/gauntlet.md; 30 minutes, 10 GiB)
	cd internal/lab/bench && ulimit -n 20000 && go run ./gauntlet -recovery -long -jobs 9

SEED ?= 1
N ?= 100
mutants: ## change the product at random and list what no test notices: make mutants SEED=1 N=100 (CONTRIBUTING.md)
	go run ./internal/lab/mutants -seed $(SEED) -n $(N)
