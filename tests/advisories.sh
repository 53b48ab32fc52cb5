#!/usr/bin/env bash
# advisories.sh: no dependency has a known vulnerability. Exit code 77, which is skipped, where the database cannot be fetched.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cargo deny --locked fetch db; then
    echo "skipped: the advisory database at https://github.com/RustSec/advisory-db cannot be fetched"
    exit 77
fi
cargo deny --locked check advisories
