#!/usr/bin/env bash
# A 2 GB upload and download through the server, to and from a container on Azurite, while its memory is watched.
#
# Guards: memory that stays flat, below 256 MiB. Peer in the same run: the same bytes straight to and from Azurite by curl.
#
#   HEAVYLIFT=PATH   the program; default the release build in CARGO_TARGET_DIR
#   BYTES=NUMBER     how large; default 2 GB
#
# Needs bash, curl, openssl, node, and Azurite below the target folder (bash tests/run.sh puts it there).
set -euo pipefail
cd "$(dirname "$0")/.."

target="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/heavylift/target}"
program="${HEAVYLIFT:-$target/release/heavylift}"
bytes="${BYTES:-2000000000}"
work="$(mktemp -d "${TMPDIR:-/tmp}/heavylift-big-blob-XXXXXX")"
processes=()

finish() {
    for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# The account that every Azurite has, and its key, which everybody knows.
account=devstoreaccount1
key=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==

# An account SAS for everything, for a lifetime.
signature() {
    local hex text
    hex="$(printf %s "$key" | openssl base64 -d -A | od -An -tx1 | tr -d ' \n')"
    text="$(printf '%s\n' $account rwdlacup bq sco '' 2099-01-01T00:00:00Z '' '' 2020-08-04)"
    sig="$(printf '%s\n' "$text" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$hex" -binary | openssl base64 -A)"
    printf 'sv=2020-08-04&ss=bq&srt=sco&sp=rwdlacup&se=2099-01-01T00%%3A00%%3A00Z&sig=%s' \
        "$(printf %s "$sig" | sed 's/+/%2B/g; s,/,%2F,g; s/=/%3D/g')"
}

seconds() { awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }'; }

node "$target/azurite/node_modules/azurite/dist/src/azurite.js" --location "$work/azurite" --silent --disableTelemetry \
    --blobPort 0 --queuePort 0 --tablePort 0 >"$work/azurite.log" &
processes+=($!)
until grep -q "Table service is successfully" "$work/azurite.log"; do sleep 0.1; done
service() { sed -n "s/.*$1 service is successfully listening at //p" "$work/azurite.log"; }
sas="$(signature)"
store="$(service Blob)/$account/big?$sas"

"$program" serve --addr 127.0.0.1:0 --store "$store" --scratch "$work/scratch" --log-filter warn >"$work/server.log" &
server=$!
processes+=("$server")
until grep -q "listens on" "$work/server.log"; do sleep 0.1; done
url="$(sed -n 's/.*listens on //p;T;q' "$work/server.log")"
memory() { awk -v of="$1" '$1 == of ":" { printf "%.0f", $2 / 1024 }' "/proc/$server/status"; }
idle="$(memory VmRSS)"

head -c "$bytes" /dev/urandom >"$work/big.bin"
begin="$(date +%s.%N)"; "$program" put --url "$url" "$work/big.bin" >/dev/null; put="$(seconds "$begin")"
begin="$(date +%s.%N)"; "$program" get --url "$url" -o "$work/back.bin" big.bin >/dev/null; get="$(seconds "$begin")"
cmp "$work/big.bin" "$work/back.bin"
peak="$(memory VmHWM)"

# The peer: blocks of 64 MiB, one after another.
peer="$(service Blob)/$account/big/peer.bin?$sas"
begin="$(date +%s.%N)"
list=""
for ((at = 0; at * 67108864 < bytes; at++)); do
    id="$(printf %06d "$at" | openssl base64 -A)"
    dd if="$work/big.bin" of="$work/block" bs=64M skip="$at" count=1 status=none
    curl -sf -T "$work/block" "$peer&comp=block&blockid=$id"
    list="$list<Latest>$id</Latest>"
done
curl -sf -X PUT -d "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>$list</BlockList>" "$peer&comp=blocklist"
peer_put="$(seconds "$begin")"
begin="$(date +%s.%N)"; curl -sf -o "$work/back.bin" "$peer"; peer_get="$(seconds "$begin")"

echo "bytes                     $bytes"
echo "put                       $put s; curl straight to Azurite $peer_put s; ratio $(awk "BEGIN { printf \"%.2f\", $put / $peer_put }")"
echo "get                       $get s; curl straight from Azurite $peer_get s; ratio $(awk "BEGIN { printf \"%.2f\", $get / $peer_get }")"
echo "resident memory, idle     $idle MiB"
echo "resident memory, highest  $peak MiB (must stay below 256 MiB)"
[ "$peak" -lt 256 ]
