#!/usr/bin/env bash
# SPDX-License-Identifier: CC0-1.0
#
# A source: reports file systems that are nearly full, one event each. For cron or a timer.
#
#   LK_KEY=watch-01.key_secret ./source.sh / /home
#
# lk reads the secret key from LK_KEY and the relay's endpoint from LK_SUBMIT. FULL_AT is the
# percentage that counts as nearly full.
set -euo pipefail

emit() {
    # Each KEY=VALUE is one argument, whatever it holds; KEY:=VALUE is a number or other JSON.
    lk emit --origin "$(uname -n)" org.example.watch.disk-nearly-full "$@"
}

full_at=${FULL_AT:-90}
for path; do
    used=$(df --output=pcent -- "$path" | tail -n 1 | tr -dc '0-9')
    [ "$used" -ge "$full_at" ] || continue
    status=0
    emit "path=$path" "used_percent:=$used" || status=$?
    case $status in
    0) ;;
    # The next run finds the file system as full as it is now.
    4) echo "$0: the relay cannot be reached; nobody was told about $path" >&2 ;;
    *) exit "$status" ;;
    esac
done
