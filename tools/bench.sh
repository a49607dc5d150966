#!/bin/bash
# Runs every benchmark, optimised, one after another: tools/bench.sh [FOLDER]
# Prints the tables as docs/performance.md has them; FOLDER (default: a new one)
# keeps the rows as JSON. Takes about six minutes; leave the machine alone.
# The peers of G7 are installed when run as root, and left out when absent.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder="${1:-$(mktemp -d)}"
mkdir -p "$folder"
./bazelw --install-deps nats-server etcd-server ||
  echo "bench.sh: NATS and etcd are left out where they are absent" >&2
./bazelw build --noshow_progress -c opt //tests/bench/... >&2
for program in "$(./bazelw info --noshow_progress -c opt bazel-bin 2>/dev/null)"/tests/bench/*_bench; do
  name="$(basename "$program")"
  echo "running $name" >&2
  "$program" --json "$folder/${name%_bench}.json" >/dev/null
done
tools/bench_table.py "$folder"/*.json
echo "rows: $folder" >&2
