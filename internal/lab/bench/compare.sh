#!/usr/bin/env bash
# Compares the micro-benchmarks of two commits, run by run in turn, with benchstat.
# usage: compare.sh OLD NEW [packages…]; BENCH, COUNT and TIME change what is run, how often and how long.
set -euo pipefail
old=${1:?usage: compare.sh OLD NEW [packages…]} new=${2:?usage: compare.sh OLD NEW [packages…]}
shift 2
packages=("$@")
[ ${#packages[@]} -gt 0 ] || packages=(./events ./events/internal/wire ./session ./ratelimit ./internal/bus ./internal/transport ./actors)
dir=$(mktemp -d)
trap 'git worktree remove --force "$dir/old" >/dev/null 2>&1; git worktree remove --force "$dir/new" >/dev/null 2>&1; rm -rf "$dir"' EXIT
for side in old new; do
	git worktree add --quiet --detach "$dir/$side" "${!side}"
done
for round in $(seq "${COUNT:-6}"); do
	for side in old new; do
		echo "round $round: $side (${!side})" >&2
		(cd "$dir/$side" && go test -run '^$' -bench "${BENCH:-.}" -benchmem -benchtime "${TIME:-200ms}" "${packages[@]}") >>"$dir/$side.txt"
	done
done
go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da "$old=$dir/old.txt" "$new=$dir/new.txt"
