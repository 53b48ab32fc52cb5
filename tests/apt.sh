#!/usr/bin/env bash
# apt.sh PACKAGE…: installs Debian packages. Others may hold Debian's lock, and its list may be older than the mirror.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
"$(dirname "$0")/retry.sh" sh -c 'apt-get update -qq && apt-get install -y -qq -o DPkg::Lock::Timeout=300 "$@"' -- "$@" >&2
