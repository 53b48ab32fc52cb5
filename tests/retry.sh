#!/usr/bin/env bash
# retry.sh COMMAND…: a download, again after 5, 20 and 60 seconds when it fails. Only for downloads: a test runs once.
set -u
for wait in 5 20 60 0; do
    "$@" && exit 0
    status=$?
    [ "$wait" -eq 0 ] && exit "$status"
    echo "retry: \`$*\` failed with exit code $status; again in $wait s" >&2
    sleep "$wait"
done
