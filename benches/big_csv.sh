#!/usr/bin/env bash
# A GROUP BY over a 1 GB CSV, through the whole server, while memory, health and progress are watched.
#
# Guards: resident memory below 2 GB, /healthz below 50 ms throughout, progress that moves. Beside it runs a second, idle
# server: what its /healthz takes at the same moments is what the machine takes, not the work. The query is asked twice.
#
#   HEAVYLIFT=PATH   the program; default the release build in CARGO_TARGET_DIR
#   BIG_CSV=PATH     the table; made there once (1 GB), default in a temporary folder that is removed at the end
#   BYTES=NUMBER     how large to make it
#
# Needs bash, awk and curl on Linux.
set -euo pipefail
cd "$(dirname "$0")/.."

target="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/heavylift/target}"
program="${HEAVYLIFT:-$target/release/heavylift}"
bytes="${BYTES:-1000000000}"
work="$(mktemp -d "${TMPDIR:-/tmp}/heavylift-big-csv-XXXXXX")"
csv="${BIG_CSV:-$work/orders.csv}"
processes=()

finish() {
    for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# About 40 bytes a row: whole numbers, dates, words and money, the same every time.
make_csv() {
    awk -v most="$1" 'BEGIN {
        srand(7); split("north south east west overseas", region); split("apples bread cheese dates eggs figs", product)
        line = "order_id,day,region,product,quantity,price"; size = length(line) + 1; print line
        while (size < most) {
            line = sprintf("%d,2025-%02d-%02d,%s,%s,%d,%d.%02d", order++, 1 + int(rand() * 12), 1 + int(rand() * 28),
                region[1 + int(rand() * 5)], product[1 + int(rand() * 6)], 1 + int(rand() * 20), rand() * 25, rand() * 100)
            size += length(line) + 1; print line
        }
    }'
}

# Writes the phase, the seconds of one /healthz, and those of one of the idle twin's, every 50 ms, on a new connection each
# time; no answer within 10 s counts as 10.
sample_health() {
    while sleep 0.05; do echo "$(<"$work/phase") $(healthz "$url") $(healthz "$twin_url")"; done >"$work/health"
}
healthz() { curl -s -o /dev/null -m 10 -w '%{time_total}' "$1/healthz" || echo 10; }

sample_memory() {
    while sleep 0.05; do awk '/^VmRSS/ { print $2 / 1024 }' "/proc/$server/status"; done >"$work/memory" 2>/dev/null
}

# Asks for the newest job's progress, four times a second.
sample_progress() {
    while sleep 0.25; do
        curl -s -m 10 "$url/jobs?limit=1" | grep -o '"progress":{[^}]*}' || true
    done >"$work/progress"
}

# "p50 p99 max count", in milliseconds, of the health samples of a phase: in column 2 the server's, in 3 the twin's.
health_of() {
    awk -v phase="$1" -v at="$2" '$1 == phase { print $at * 1000 }' "$work/health" | sort -g | awk '{ v[NR] = $1 }
        END { p99 = int(NR * 0.99); if (NR) printf "%.1f %.1f %.1f %d", v[int((NR + 1) / 2)], v[p99 ? p99 : 1], v[NR], NR }'
}

# Starts a server on the store $1; its address is in "url" and its process in "server" then.
start() {
    "$program" serve --addr 127.0.0.1:0 --store "file://$work/$1" >"$work/$1.out" 2>"$work/$1.log" &
    server=$! processes+=($!)
    for _ in $(seq 200); do grep -q '^Heavylift listens on' "$work/$1.out" && break; sleep 0.05; done
    url="$(sed -n 's/^Heavylift listens on //p' "$work/$1.out")"
    [ -n "$url" ] || { echo "the server did not start:" >&2; cat "$work/$1.log" >&2; exit 1; }
}

# Begins a phase; its seconds are in "took" once "end_phase" was called.
phase() { echo "$1" >"$work/phase"; begin="$(date +%s.%N)"; }
end_phase() { took="$(awk -v from="$begin" -v to="$(date +%s.%N)" 'BEGIN { printf "%.1f", to - from }')"; }

query() {
    "$program" call data_query --url "$url" --watch \
        --arg sql="SELECT region, product, count(*) AS orders, sum(quantity) AS units, round(sum(quantity * price), 2) AS \
revenue FROM orders GROUP BY ALL ORDER BY revenue DESC" "$@"
}

[ -x "$program" ] || { echo "no program at $program; build it (cargo build --release) or name one in HEAVYLIFT" >&2; exit 2; }
if [ ! -s "$csv" ]; then
    echo "making $csv ($bytes bytes)"
    make_csv "$bytes" >"$csv.part"
    mv "$csv.part" "$csv"
fi

start twin && twin_url="$url"
start store
echo "$program on $url, its idle twin on $twin_url"
idle="$(awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$server/status")"

phase idle
sample_health & processes+=($!)
sample_memory & processes+=($!)
sleep 1

phase put
"$program" put --url "$url" --as orders.csv "$csv"
end_phase && put_seconds="$took"

sample_progress & processes+=($!)
phase first
query
end_phase && first_seconds="$took"
distinct="$(sort -u "$work/progress" | wc -l)"

phase second
query --fresh >/dev/null 2>&1
end_phase && second_seconds="$took"

rss_max="$(sort -g "$work/memory" | tail -1)"
hwm="$(awk '/^VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/$server/status")"
cat <<END

rows in the file           $(($(wc -l <"$csv") - 1))
size of the file           $(stat -c %s "$csv") bytes
put                        $put_seconds s
first query                $first_seconds s
second query (--fresh)     $second_seconds s
resident memory idle       $idle MiB
resident memory, sampled   $rss_max MiB at most
resident memory, VmHWM     $hwm MiB (must stay below 1907 MiB = 2 GB)
distinct progress values   $distinct, asked four times a second during the first query
END
over=0
for name in idle put first second; do
    read -r p50 p99 most count <<<"$(health_of "$name" 2)"
    read -r twin_p50 twin_p99 twin_most _ <<<"$(health_of "$name" 3)"
    printf '/healthz, %-6s           p50 %s, p99 %s, at most %s ms; idle twin: %s, %s, %s ms; %s answers\n' \
        "$name" "$p50" "$p99" "$most" "$twin_p50" "$twin_p99" "$twin_most" "$count"
    # What the twin needs as well is the machine's doing.
    over="$(awk -v o="$over" -v own="$most" -v twin="$twin_most" 'BEGIN { print o + (own >= 50 && own > 2 * twin) }')"
done
[ "$hwm" -lt 1907 ] && [ "$over" = 0 ] || { echo "over the limits" >&2; exit 1; }
