#!/usr/bin/env bash
# fixtures.sh EXECUTABLE FOLDER: the files that the cases in tests/cases read. The same bytes every time.
set -euo pipefail
"$1" demo --no-queries --out "$2/reports" --weeks 60 --patterns 20 --seed 1 --until 202653
