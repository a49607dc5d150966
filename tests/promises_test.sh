#!/bin/bash
# Fails when a document of promises names a test that does not exist.
set -euo pipefail

# The script's own place, behind Bazel's links, is in the checkout.
cd "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")"

readonly suites='Poll|PollFuzz|Select|Selector|BaseSelectorTest|PipeBuf'
readonly kqueue_suites='Kqueue|KqueueFiles|KqueueModel|CKqueue|CKqueueMemory'
readonly more_suites='KeventQueueTest|OnSignalTest'
# security.md and streams.md name tests of many suites, each in backticks.
promised="$({
  grep -ohE "[^A-Za-z]($suites|$kqueue_suites|$more_suites)\.[A-Z][A-Za-z0-9]*" \
    docs/{semantics,kqueue}.md
  grep -ohE '`[A-Z][A-Za-z]+\.[A-Z][A-Za-z0-9]+`' docs/{security,streams}.md
} | tr -dc 'A-Za-z0-9.\n' | sort -u)"
# Over line ends, as the formatter may break after the parenthesis.
present="$(find tests -name '*.cc' -exec cat {} + | tr '\n' ' ' |
  grep -oE '\<(TYPED_)?TEST(_F|_P)?\( *[A-Za-z0-9_]+, *[A-Za-z0-9_]+' |
  sed -E 's/.*\( *//; s/, */./' | sort -u)"

missing="$(comm -23 <(echo "$promised") <(echo "$present"))"
if [[ -z "$promised" || -n "$missing" ]]; then
  echo "docs name tests that do not exist:"
  echo "$missing"
  exit 1
fi
echo "$(wc -l <<<"$promised") tests named, all there"
