#!/usr/bin/env bash
# Runs the bot on the simulated gateway, through scenario.yaml, and exits as the gateway does. Two mistakes to see it fail: BUSY=1 changes the bot's presence all the time, SILENT=1 has it answer nothing.
set -euo pipefail
cd "$(dirname "$0")"

sim=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$sim"' EXIT
go build -o "$sim/gatewaysim" ../gatewaysim
[ -d node_modules ] || npm ci --no-audit --no-fund

"$sim/gatewaysim" -addr 127.0.0.1:8080 -shards 2 -scenario scenario.yaml &
gateway=$!
export DISCORD_API=http://127.0.0.1:8080/api DISCORD_TOKEN=OTAwMDAwMDAwMDAwMDAwMDAx.x.y # no bot's
curl --silent --output /dev/null --retry 20 --retry-delay 1 --retry-connrefused "$DISCORD_API/v10/gateway"
node bot.js &
wait "$gateway"
