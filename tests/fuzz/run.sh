#!/bin/bash
# Fuzzes what faces others, under Clang's libFuzzer and sanitizers.
#   tests/fuzz/run.sh [SECONDS [TARGET...]]   30 each; all targets without one
# Two targets run at a time. Fails on the first finding of a target; findings and
# new inputs stay in FARPOLL_FUZZ_DIR (a new folder under TMPDIR without it). A
# finding goes into tests/fuzz/NAME_corpus together with its fix.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds="${1:-30}"
targets=("${@:2}")
if [[ ${#targets[@]} -eq 0 ]]; then
  for source in tests/fuzz/*_fuzz.cc; do
    targets+=("$(basename "$source" .cc)")
  done
fi
folder="${FARPOLL_FUZZ_DIR:-$(mktemp -d "${TMPDIR:-/tmp}/farpoll-fuzz.XXXXXX")}"

# Runs one target and prints one line about it: fuzz TARGET
fuzz() {
  local target="$1" status=0 log="$folder/$1.log" seed
  local corpus="tests/fuzz/${1%_fuzz}_corpus"
  local -a options=()
  # A leak check stops the threads of a server and reads all of its memory, for
  # each input. The replay of the corpus looks for leaks once, at its end.
  case "$target" in rpc_fuzz | passing_fuzz) options=(-detect_leaks=0) ;; esac
  seed="$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')"
  mkdir -p "$folder/$target"
  # Weighing inputs by entropy takes 80 % of the time of targets with a server.
  "$programs/tests/fuzz/$target" -max_total_time="$seconds" -seed="$seed" \
    -print_final_stats=1 -artifact_prefix="$folder/$target-" -timeout=20 \
    -entropic=0 -rss_limit_mb=4096 "${options[@]}" "$folder/$target" \
    "$corpus" >"$log" 2>&1 || status=$?
  echo "$target: $(runs_of "$log") runs," \
    "$(grep -o 'cov: [0-9]*' "$log" | tail -1), seed $seed," \
    "exit code $status"
  if [[ $status -ne 0 ]]; then
    tail -60 "$log"
    echo "$target: finding in $folder"
  fi
  return "$status"
}

runs_of() { awk '/number_of_executed_units/ { print $2 }' "$1"; }

./bazelw build --config=asan "${targets[@]/#///tests/fuzz:}"
# Another build may turn the link elsewhere.
programs="$(readlink -f bazel-bin)"
failed=0
for target in "${targets[@]}"; do
  while [[ $(jobs -rp | wc -l) -ge 2 ]]; do
    wait -n || failed=1
  done
  fuzz "$target" &
done
while [[ -n "$(jobs -p)" ]]; do
  wait -n || failed=1
done
exit "$failed"
