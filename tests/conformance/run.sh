#!/usr/bin/env bash
# Runs the official conformance suite: against one server, and against two on one Azurite behind a proxy that gives each
# request to the other one. Needs what tests/run.sh needs, and Azurite, which that puts below the target folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/tests/conformance
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/heavylift/target}"

# The suite, and a Node that is new enough for it.
suite=0.2.0-alpha.12
home=$CARGO_TARGET_DIR/conformance
if ! grep -qs "\"version\": \"$suite\"" "$home/node_modules/@modelcontextprotocol/conformance/package.json"; then
  npm install --prefix "$home" --no-save --no-audit --no-fund --ignore-scripts "@modelcontextprotocol/conformance@$suite"
fi
bash tests/node.sh
node=$CARGO_TARGET_DIR/node/node_modules/.bin/node
suite=$home/node_modules/@modelcontextprotocol/conformance
tasks=(tasks-lifecycle tasks-capability-negotiation tasks-wire-fields tasks-request-state-removal tasks-mrtr-input
  tasks-request-headers tasks-dispatch-and-envelope tasks-status-notifications tasks-required-task-error
  tasks-mrtr-composition)

cargo build --workspace --example conformance_server --locked
server=$CARGO_TARGET_DIR/debug/examples/conformance_server

work=$(mktemp -d)
# What was said and found stays to be looked at.
logs=$home/logs
results=$home/results
rm -rf "$logs" "$results" && mkdir -p "$logs"
started=()
finish() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

# Starts a program whose log is called $1, and reads its first line as $said. Its words can be read on from $words.
start() {
  local log=$logs/$1.log
  shift
  exec {words}< <(exec "$@" 2>"$log")
  started+=($!)
  read -r said <&"$words" || { echo "$1 did not start:" && cat "$log" && exit 1; }
}

# All suites against the server at $2.
failed=0
run() {
  local label=$1 url=$2 revision scenario
  for revision in 2025-11-25 2026-07-28; do
    printf '\n== conformance: %s, %s\n' "$label" "$revision"
    ask "$results/$label/$revision" "$url" --requirements "$revision"
    report "$results/$label/$revision" "$revision"
  done
  printf '\n== conformance: %s, tasks\n' "$label"
  for scenario in "${tasks[@]}"; do
    ask "$results/$label/tasks" "$url" --scenario "$scenario"
  done
  report "$results/$label/tasks" "${tasks[@]}"
}

# The suite's own verdict leaves out what a revision does not require; ours is in the report.
ask() {
  "$node" "$suite/dist/index.js" server --url "$2/mcp" -o "$1" "${@:3}" >>"$logs/suite.log" 2>&1 || true
}

report() { "$node" "$here/report.js" "$suite" "$@" || failed=1; }

start one "$server" --addr 127.0.0.1:0 --store "file://$work/store"
run "one server" "$said"

start azurite "$node" "$CARGO_TARGET_DIR/azurite/node_modules/azurite/dist/src/azurite.js" \
  --blobPort 0 --queuePort 0 --tablePort 0 --inMemoryPersistence --silent --disableTelemetry
listens() { # reads on to where the service $1 listens
  while [[ $said != "Azurite $1 service is successfully listening at "* ]]; do read -r said <&"$words"; done
  echo "${said##* }"
}
blob=$(listens Blob)
queue=$(listens Queue)
right=$("$node" "$here/sas.js")
shared=(--addr 127.0.0.1:0 --store "$blob/devstoreaccount1/jobs?$right" --queue "$queue/devstoreaccount1/jobs?$right")
start first "$server" "${shared[@]}" --scratch "$work/first"
first=$said
start second "$server" "${shared[@]}" --scratch "$work/second"
start proxy "$node" "$here/proxy.js" "$first" "$said"
run "two servers in turn" "$said"

[ "$failed" = 0 ] || echo "what was found and said is in $results and $logs"
exit "$failed"
