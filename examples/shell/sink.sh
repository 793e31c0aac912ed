#!/usr/bin/env bash
# SPDX-License-Identifier: CC0-1.0
#
# A sink: appends the events under some prefixes to one file a day, and misses none.
#
#   LK_KEYS=keys/trusted ./sink.sh /var/lib/event-files _lk.archive.
#
# lk reads the relay's endpoints from LK_PUBLISH and LK_REPLAY, and shows only events that a key
# in the directory LK_KEYS signed. For work that must not be lost in a pipe see both.sh.
set -euo pipefail

directory=${1:?usage: sink.sh DIRECTORY [PREFIX]...}
: "${LK_KEYS:?the directory of trusted public keys}"
shift

# Events are somebody else's text: `read -r` and `printf %s` take them as they are, and nothing
# here is ever evaluated or made the name of a file.
lk listen --json --cursor "$directory/cursor" "$@" |
    while IFS= read -r event; do
        printf '%s\n' "$event" >>"$directory/$(date -u +%F).jsonl"
    done
