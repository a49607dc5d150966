#!/usr/bin/python3
"""Runs an example as its README does and compares what it prints.

    example_test.py FARPOLLD EXPECTED_OUTPUT PROGRAM [ARGUMENT...]
"""
import os
import subprocess
import sys

from tests.integration import farpolld

# An example is done in a moment; this ends one that hangs.
_LIMIT_SECONDS = 50


def main():
    binary, expected_path, *command = sys.argv[1:]
    with farpolld.Farpolld(binary, "unix") as server:
        environment = dict(os.environ, FARPOLL_ADDR=server.address)
        run = subprocess.run(command, env=environment, stdout=subprocess.PIPE,
                             text=True, timeout=_LIMIT_SECONDS)
    with open(expected_path) as expected:
        wanted = expected.read()
    if run.returncode == 0 and run.stdout == wanted:
        return 0
    print("exit code %d\n--- wanted\n%s--- printed\n%s"
          % (run.returncode, wanted, run.stdout))
    return 1


if __name__ == "__main__":
    sys.exit(main())
