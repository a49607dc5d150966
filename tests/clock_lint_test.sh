#!/bin/bash
# Fails when code reads the wall clock that has no business with the time of day:
# deadlines and spans are measured on the monotonic clock, so that a step of the
# wall clock moves none of them.
set -euo pipefail

# The script's own place, behind Bazel's links, is in the checkout.
cd "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")"

# Who may, and what for.
readonly allowed='
client/cli/demo.cc: shows the time of day
client/cli/doctor.cc: compares the clocks of both machines
client/cli/watch.cc: shows the time of day
selector/kqueue/filters/timer.cc: EVFILT_TIMER with NOTE_ABSTIME
server/authority/audit_log.cc: the time of a decision
server/handle/timer.cc: timers that go off at a time of day
server/log/log.cc: the time of a line
server/rpc/server_service.cc: tells clients which time of day it is
server/server.cc: the epoch, which names a run of the server
'
readonly wall='absl::Now\(|system_clock|gettimeofday|\btime\((nullptr|NULL|0)\)'
readonly words="$wall|CLOCK_REALTIME"

failed=0
while IFS=: read -r file line text; do
  if ! grep -qF "$file: " <<<"$allowed"; then
    echo "$file:$line: reads the wall clock:$text"
    failed=1
  fi
done < <(grep -rnE --include='*.cc' --include='*.h' "$words" \
  base selector server client)
while IFS=: read -r file _; do
  if [[ -n "$file" ]] && ! grep -qE "$words" "$file"; then
    echo "$file: may read the wall clock and does not: take it off the list"
    failed=1
  fi
done <<<"$allowed"
exit "$failed"
