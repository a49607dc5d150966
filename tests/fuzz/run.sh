#!/bin/bash
# Fuzzes kqueue's change lists under Clang's libFuzzer and AddressSanitizer.
#   tests/fuzz/run.sh [SECONDS]    60 by default; fails on the first finding
# What it finds, and new inputs, stay in FARPOLL_FUZZ_DIR (a new folder under
# TMPDIR without it). A finding goes into tests/fuzz/kqueue_corpus with its fix.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds="${1:-60}"
clang="${CLANGXX:-clang++-14}"
folder="${FARPOLL_FUZZ_DIR:-$(mktemp -d "${TMPDIR:-/tmp}/farpoll-fuzz.XXXXXX")}"
mkdir -p "$folder/new"

if ! command -v "$clang" >/dev/null; then
  echo "run.sh: $clang is missing (apt-get install clang-14)" >&2
  exit 1
fi

mapfile -t sources < <(
  ls base/errno_status.cc selector/{events,interest_set*,slot_table}.cc \
    selector/kqueue/*.cc selector/kqueue/filters/*.cc \
    tests/support/fd_fixtures.cc tests/fuzz/kqueue_fuzz.cc
)
read -ra libraries < <(pkg-config --libs absl_status absl_statusor absl_strings \
  absl_time absl_flat_hash_map absl_cord)

echo "building with $clang"
"$clang" -std=c++20 -O1 -g -fsanitize=fuzzer,address -I. "${sources[@]}" \
  -o "$folder/kqueue_fuzz" "${libraries[@]}" -lpthread
"$folder/kqueue_fuzz" -max_total_time="$seconds" -max_len=1024 \
  -print_final_stats=1 -artifact_prefix="$folder/" \
  "$folder/new" tests/fuzz/kqueue_corpus
