#!/usr/bin/env bash
# cargo_tools.sh FOLDER: puts the tools of cargo-tools.txt into FOLDER/bin, if they are not there: from PyPI, or compiled where that has
# none for this machine.
set -euo pipefail
cd "$(dirname "$0")"
list="$PWD/cargo-tools.txt"
! cmp -s "$list" "$1/cargo-tools.txt" || exit 0
rm -rf "$1"
mkdir -p "$1"
if ! ./retry.sh python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --timeout 60 --target "$1" \
    --no-deps --only-binary :all: --require-hashes --requirement "$list"; then
    echo "no tools from PyPI; compiling them, which takes minutes" >&2
    versions="$(sed -n 's/^astral-dev-toolchain-\(cargo-.*\)==\([0-9.]*\).*/\1@\2/p' "$list")"
    # shellcheck disable=SC2086
    env -u CARGO_TARGET_DIR ./retry.sh cargo install --quiet --locked --root "$1" $versions
fi
cp "$list" "$1/"
