#!/usr/bin/env bash
# How long a newcomer waits: a fresh copy of the committed tree, an empty package cache, until
# the server says that it is ready; then the same again without anything to do.
# Usage: bench/startup.sh [folder for the copy, default: a temporary one that is removed]
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
place=${1:-$(mktemp -d)}
[ $# -gt 0 ] || trap 'rm -rf "$place"' EXIT
git clone --quiet "$root" "$place/clone"
cd "$place/clone"
unset FUNASR_WSS_VENV FUNASR_WSS_MODELS_DIR

# ready PORT LABEL: starts the server, waits for /readyz, stops it, prints the seconds.
ready() {
    local begin=$EPOCHREALTIME server
    PIP_NO_CACHE_DIR=1 ./start_server.sh --port "$1" >server.log 2>&1 &
    server=$!
    until exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n' >&3 &&
        head -n 1 <&3 | grep -q 200; do
        kill -0 "$server" || { cat server.log && exit 1; }
        sleep 0.1
    done 2>/dev/null
    printf '| %s | %.1f |\n' "$2" "$(awk "BEGIN { print $EPOCHREALTIME - $begin }")"
    kill "$server"
    wait "$server"
}

printf '| start | seconds until ready |\n|---|---|\n'
ready 10971 "fresh clone, packages not cached"
ready 10972 "second start"
