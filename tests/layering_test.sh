#!/bin/bash
# Fails on an #include that goes up or sideways between the rooms of the tree.
# The table below is the one of docs/ARCHITECTURE.md.
#   tests/layering_test.sh [ROOT]   checks the checkout, or the tree at ROOT
set -euo pipefail

# room: own headers it may include (a prefix of their path), then what else:
# +grpc, +protobuf, +epoll for sys/epoll.h, +thread for <thread>.
# The longest room that fits a file's path holds.
readonly rules='
base: base/
selector: selector/ base/
selector/interest_set.cc: selector/ base/ +epoll
selector/interest_set_move.cc: selector/ base/ +epoll
selector/interest_set_wait.cc: selector/ base/ +epoll
selector/pollable_view.cc: selector/ base/ +epoll
selector/weak_set.cc: selector/ base/ +epoll
server/handle: server/handle/ server/policy/quota.h base/
server/policy: server/policy/ selector/events.h base/
server/policy/config.cc: server/policy/ proto/ base/ +protobuf
server/policy/config_place.h: server/policy/ base/ +protobuf
server/policy/config_place.cc: server/policy/ base/ +protobuf
server/policy/config_templates.cc: server/policy/ proto/ base/ +protobuf
server/authority: server/authority/ server/policy/ server/log/ base/ +thread
server/accept: server/accept/ server/reactor/ server/authority/accounts.h server/policy/account.h server/policy/limits.h server/policy/principal.h base/
server/reactor: server/reactor/ base/ +epoll +thread
server/blocking: server/blocking/ base/
server/wait: server/wait/ server/handle/ server/reactor/ server/policy/ selector/ base/
server/process: server/process/ server/handle/ server/reactor/ server/policy/quota.h base/ +thread
server/session: server/session/ server/authority/ server/blocking/ server/handle/ server/process/ server/wait/ server/reactor/ server/policy/ selector/ base/
server/observe: server/observe/ server/session/ server/handle/kinds.h server/reactor/ selector/events.h base/
server/passing: server/passing/ server/rpc/convert.h server/accept/ server/blocking/ server/handle/ server/session/ server/authority/ server/reactor/ server/policy/ base/ proto/
server/log: server/log/ base/
server/rpc: server/rpc/ server/session/ server/observe/ server/accept/peers.h server/authority/authority.h server/policy/account.h server/policy/limits.h server/policy/principal.h server/policy/verb.h selector/pipe_buf.h base/ proto/ +protobuf +grpc
server: server/ selector/ base/ proto/ +protobuf +grpc +thread
client: client/ selector/events.h selector/kqueue/kevent.h server/server.h base/ proto/ +protobuf +grpc +thread
client/cli: client/ selector/events.h selector/kqueue/kevent.h base/ proto/ +protobuf +thread
'

# Prints each violation in the tree at $1, then "checked N" with the number of
# includes looked at.
check_tree() {
  (cd "$1" && find base selector server client -name '*.h' -o -name '*.cc' \
    2>/dev/null | sort | xargs -r grep -HnE '^[[:space:]]*#[[:space:]]*include' \
    /dev/null) |
    awk -v rules="$rules" '
      BEGIN {
        n = split(rules, lines, "\n")
        for (i = 1; i <= n; ++i) {
          colon = index(lines[i], ": ")
          if (colon) {
            room = substr(lines[i], 1, colon - 1)
            allowed[room] = substr(lines[i], colon + 2)
          }
        }
      }
      function room_of(file, best, room) {
        best = ""
        for (room in allowed) {
          if ((file == room || index(file, room "/") == 1) &&
              length(room) > length(best)) {
            best = room
          }
        }
        return best
      }
      # The word of the table that lets `header` in, or "" for free ones.
      function needs(header) {
        if (header ~ /^(base|selector|server|client|tests|examples|proto)\//) {
          return header
        }
        if (header ~ /^farpoll\/v1\/.*\.grpc\.pb\.h$/) { return "+grpc" }
        if (header ~ /^farpoll\/(config\/)?v1\//) { return "proto/" header }
        if (header ~ /^google\/protobuf\//) { return "+protobuf" }
        if (header ~ /^grpc(pp)?\//) { return "+grpc" }
        if (header == "sys/epoll.h") { return "+epoll" }
        if (header == "thread") { return "+thread" }
        return ""
      }
      function permits(room, need, count, words, i) {
        count = split(allowed[room], words, " ")
        for (i = 1; i <= count; ++i) {
          if (index(need, words[i]) == 1) { return 1 }
        }
        return 0
      }
      {
        split($0, place, ":")
        if (!match($0, /["<][^">]+[">]/)) { next }
        header = substr($0, RSTART + 1, RLENGTH - 2)
        ++checked
        need = needs(header)
        room = room_of(place[1])
        if (room == "server" && place[1] ~ /^server\/.*\//) {
          printf "%s: its folder has no room in the table\n", place[1]
        } else if (need != "" && !permits(room, need)) {
          printf "%s:%s: %s may not include %s\n", place[1], place[2], room,
                 header
        }
      }
      END { printf "checked %d\n", checked }'
}

# Each line is a file and an include; check_tree must name the bad ones and
# only those.
self_test() {
  local tree verdict file header got
  tree="$(mktemp -d "${TEST_TMPDIR:-/tmp}/layering.XXXXXX")"
  while read -r verdict file header; do
    rm -rf "${tree:?}"/*
    mkdir -p "$tree"/{base,selector,server,client} "$(dirname "$tree/$file")"
    echo "#include $header" >"$tree/$file"
    got=good
    [[ "$(check_tree "$tree")" == "checked 1" ]] || got=bad
    if [[ $got != "$verdict" ]]; then
      echo "self-test: $file with $header should be $verdict" >&2
      exit 1
    fi
  done <<'CASES'
good base/clock.cc "base/clock.h"
bad  base/clock.cc "selector/events.h"
good selector/wait.cc "base/clock.h"
bad  selector/wait.cc "server/server.h"
bad  selector/wait.cc <grpcpp/grpcpp.h>
bad  selector/wait.cc "farpoll/v1/event.pb.h"
bad  selector/wait.cc <sys/epoll.h>
bad  selector/wait.h <thread>
good selector/interest_set.cc <sys/epoll.h>
good server/reactor/reactor.cc <sys/epoll.h>
bad  server/reactor/reactor.cc "selector/waitable.h"
bad  server/handle/pipe.cc "server/session/session.h"
good server/policy/limits.cc "selector/events.h"
bad  server/policy/limits.cc "selector/waitable.h"
good server/policy/config.cc "farpoll/config/v1/config.pb.h"
bad  server/policy/policy.cc "farpoll/config/v1/config.pb.h"
good server/authority/authority.cc "server/policy/policy.h"
bad  server/authority/authority.cc "server/session/session.h"
bad  server/wait/waiter.cc "server/session/session.h"
bad  server/wait/waiter.cc "farpoll/v1/selector.pb.h"
bad  server/session/session.cc "server/rpc/convert.h"
bad  server/session/session.h <google/protobuf/message.h>
good server/observe/observation.cc "server/session/session.h"
bad  server/observe/observer.cc "farpoll/v1/observer.pb.h"
bad  server/session/session.cc "server/observe/observers.h"
good server/rpc/convert.cc "farpoll/v1/error.pb.h"
bad  server/rpc/convert.cc "server/server.h"
bad  server/rpc/convert.cc "selector/interest_set.h"
bad  server/other/new.cc "base/clock.h"
good server/server.cc <grpcpp/grpcpp.h>
bad  server/server.cc "client/client.h"
good client/client.cc "selector/events.h"
bad  client/client.cc "selector/wait.h"
bad  client/client.cc "server/session/session.h"
good client/cli/main.cc "farpoll/v1/event.pb.h"
bad  client/cli/main.cc "farpoll/v1/handle.grpc.pb.h"
bad  client/cli/main.cc <grpcpp/grpcpp.h>
bad  client/cli/main.cc "server/server.h"
CASES
  rm -rf "$tree"
}

self_test
# The script's own place, behind Bazel's links, is in the checkout.
root="${1:-$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")}"
report="$(check_tree "$root")"
echo "$report"
[[ "$report" =~ ^checked\ [1-9][0-9]*$ ]]
