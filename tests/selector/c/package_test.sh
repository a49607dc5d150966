#!/bin/bash
# A program builds as its README says: by pkg-config alone, as installed.
#   package_test.sh HEADER LIBRARY PC_FILE SOURCE EXPECTED_OUTPUT
set -euo pipefail

if readelf -d "$2" | grep -qE 'NEEDED.*lib(asan|tsan)'; then
  echo "skipped: a sanitizer's library needs a program of the same kind"
  exit 0
fi

root="$TEST_TMPDIR/root"
mkdir -p "$root"/{include/farpoll-kqueue/sys,lib/pkgconfig}
cp -L "$1" "$root/include/farpoll-kqueue/sys/"
cp -L "$2" "$root/lib/"
cp -L "$3" "$root/lib/pkgconfig/"

export PKG_CONFIG_PATH="$root/lib/pkgconfig"
read -ra flags < <(pkg-config --define-variable=prefix="$root" \
  --cflags --libs farpoll-kqueue)
cc -Wall -Wextra -Werror -x c "$4" -x none "${flags[@]}" -o "$TEST_TMPDIR/program"
diff "$5" <(LD_LIBRARY_PATH="$root/lib" "$TEST_TMPDIR/program")
