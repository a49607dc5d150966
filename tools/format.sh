#!/bin/bash
# Holds every C++ file of the checkout to .clang-format.
#   tools/format.sh --check   names the files that differ; fails if any does
#   tools/format.sh --fix     rewrites them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

clang_format="${CLANG_FORMAT:-clang-format-14}"

# Without git, or in an export of the tree, every file is ours.
list_sources() {
  git ls-files -z --cached --others --exclude-standard -- '*.h' '*.cc' \
    2>/dev/null ||
    find . -path './bazel-*' -prune -o -path './.git' -prune -o \
      -type f \( -name '*.h' -o -name '*.cc' \) -print0
}

case "${1:-}" in
  --check) action=(--dry-run --Werror) ;;
  --fix) action=(-i) ;;
  *)
    echo "usage: tools/format.sh --check | --fix" >&2
    exit 2
    ;;
esac
if ! command -v "$clang_format" >/dev/null; then
  echo "format.sh: $clang_format is missing (apt-get install $clang_format)" >&2
  exit 1
fi

list_sources | xargs -0 -r "$clang_format" --style=file "${action[@]}"
