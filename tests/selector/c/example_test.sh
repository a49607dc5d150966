#!/bin/bash
# The C example runs on the shared library and prints what its README says.
#   example_test.sh PROGRAM EXPECTED_OUTPUT
set -euo pipefail
diff "$2" <("$1")
