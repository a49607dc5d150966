#!/bin/bash
# The shared library exports kqueue and kevent, and nothing else.
set -euo pipefail

exported="$(nm -D --defined-only "$1" | awk '$2 != "A" { print $3 }' |
  sed 's/@.*//' | sort | tr '\n' ' ')"
if [[ "$exported" != "kevent kqueue " ]]; then
  echo "exported: $exported"
  exit 1
fi
