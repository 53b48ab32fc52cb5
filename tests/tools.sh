#!/usr/bin/env bash
# Installs what a build needs beside Rust and Node, where it is missing and Debian's packages can be had.
set -euo pipefail
cd "$(dirname "$0")/.."
missing=()
command -v g++ >/dev/null || missing+=(g++)
command -v strip >/dev/null || missing+=(binutils)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing ${missing[*]}" >&2
    tests/apt.sh "${missing[@]}"
else
    echo "error: ${missing[*]} not found; install them with your system's package manager" >&2
    exit 1
fi
