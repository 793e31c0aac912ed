#!/usr/bin/env bash
# SPDX-License-Identifier: CC0-1.0
#
# A sink that is a source too: answers each failed build with an event of its own. Needs jq.
#
#   LK_KEY=watch-01.key_secret LK_KEYS=keys/trusted ./both.sh both.cursor
#
# lk reads the relay's endpoints from LK_SUBMIT, LK_PUBLISH and LK_REPLAY. It runs this script once
# for each event, with the event on stdin; its position moves on when that run exits with 0.
set -euo pipefail

cause=_lk.archive.package-build-failed
reaction=org.example.watch.build-needs-attention

# The same event must give the same reaction, byte for byte: when it comes again after a crash, the
# relay knows the reaction already. So the time is not now, but when the relay took the cause.
react() {
    local event time status=0
    event=$(cat)
    time=$(jq -r .unsigned.received <<<"$event")
    # Data goes from stdin to stdout, never through the shell's own reading.
    jq --arg cause "$LK_EVENT_DIGEST" \
        '{cause: $cause} + (.data | {package: .pkgname, version, architecture})' <<<"$event" |
        lk emit --time "$time" --data - "$reaction" || status=$?
    # What the relay rejected it would reject again: go on with the next event.
    [ "$status" = 0 ] || [ "$status" = 3 ]
}

case ${1:?usage: both.sh CURSOR} in
--react) react ;;
*) exec lk on --cursor "$1" "$cause" -- "$0" --react ;;
esac
