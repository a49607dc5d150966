#!/bin/bash
# Waits for any of three jobs, through pipes in a farpoll server: whoever is done
# first is read first.
#   any_of_three.sh [FARPOLL]    the program, default: farpoll
# The server is the one of FARPOLL_ADDR.
set -euo pipefail

farpoll="${1:-farpoll}"

FARPOLL_SESSION="$("$farpoll" session create)"
export FARPOLL_SESSION
trap '"$farpoll" session close >/dev/null' EXIT

# start NAME COMMAND...: runs a job whose output goes into the pipe NAME.
start() {
  local name="$1"
  shift
  "$farpoll" pipe "$name" "$name.in" >/dev/null
  "$@" | "$farpoll" write "$name.in" - --close-after >/dev/null &
}

start lines sh -c 'seq 1000 | wc -l'
start digits sh -c 'seq 1000 | tr -d "\n" | wc -c'
start last sh -c 'seq 1000 | tail -n 1'

declare -A pending=([lines]=1 [digits]=1 [last]=1)
while [[ ${#pending[@]} -gt 0 ]]; do
  names=("${!pending[@]}")
  ready="$("$farpoll" wait "${names[@]/%/:r}" --timeout 60s \
    --no-headers --columns HANDLE)"
  for name in $ready; do
    echo "$name: $("$farpoll" read "$name" --follow)"
    unset "pending[$name]"
  done
done | sort
