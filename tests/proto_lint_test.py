#!/usr/bin/python3
"""Farpoll's protocol keeps the rules of tools/proto_lint, and they catch."""
import os
import subprocess
import sys
import tempfile
import unittest

from tools import descriptors
from tools import proto_lint

_GOOD = """\
// Does something.
// Errors of every method: NOT_FOUND.
service ThingService {
  // Does it.
  rpc DoIt(DoItRequest) returns (DoItResponse);
}
// Asks.
message DoItRequest {
  // How often.
  int32 how_often = 1;
}
// Answers.
message DoItResponse {}
// What kind.
enum ThingKind {
  // Unknown.
  THING_KIND_UNSPECIFIED = 0;
  // Good.
  THING_KIND_GOOD = 1;
}
"""

# What is changed in _GOOD, to what, and a word of the finding it must give.
_VIOLATIONS = [
    ("// Does something.\n// Errors of every method: NOT_FOUND.\n", "",
     "ThingService: has no comment"),
    ("  // Does it.\n", "", "DoIt: has no comment"),
    ("// Asks.\n", "", "DoItRequest: has no comment"),
    ("  // How often.\n", "", "how_often: has no comment"),
    ("// What kind.\n", "", "ThingKind: has no comment"),
    ("  // Good.\n", "", "THING_KIND_GOOD: has no comment"),
    ("how_often", "howOften", "is not in lower_snake_case"),
    ("how_often", "descriptor", "is a name that C++ does not allow"),
    ("how_often", "errno", "is a name that C++ does not allow"),
    ("how_often", "register", "is a name that C++ does not allow"),
    ("ThingService", "Things", "does not end in Service"),
    ("DoItRequest", "DoItArguments", "does not use DoItRequest"),
    ("DoItResponse", "DoItReply", "does not use DoItResponse"),
    ("THING_KIND_GOOD", "GOOD", "GOOD does not start with THING_KIND_"),
    ("THING_KIND_UNSPECIFIED", "THING_KIND_NONE",
     "does not start with THING_KIND_UNSPECIFIED"),
    ("THING_KIND_GOOD", "THING_KIND_good", "is not in UPPER_SNAKE_CASE"),
    ("// Errors of every method: NOT_FOUND.\n", "", "does not name its errors"),
    ("// Does it.", "// Does it.\n  // Errors: EBADF.",
     "names no status code"),
]


def _compile(body):
    with tempfile.TemporaryDirectory(dir=os.getenv("TEST_TMPDIR")) as folder:
        with open(os.path.join(folder, "thing.proto"), "w") as out:
            out.write('syntax = "proto3";\npackage farpoll.v1;\n' + body)
        compiled = os.path.join(folder, "thing.bin")
        subprocess.run(["protoc", "-I" + folder, "--include_source_info",
                        "--descriptor_set_out=" + compiled, "thing.proto"],
                       check=True)
        return descriptors.load(compiled)


class ProtoLintTest(unittest.TestCase):

    def test_farpoll_v1_is_clean(self):
        protocol = descriptors.load(_PROTOCOL)

        self.assertGreaterEqual(len(descriptors.own_files(protocol)), 6)
        self.assertEqual(proto_lint.lint(protocol), [])

    def test_accepts_a_good_file(self):
        self.assertEqual(proto_lint.lint(_compile(_GOOD)), [])

    def test_catches_each_violation(self):
        for old, new, finding in _VIOLATIONS:
            with self.subTest(finding=finding, new=new):
                self.assertIn(old, _GOOD)
                findings = proto_lint.lint(_compile(_GOOD.replace(old, new)))
                self.assertIn(finding, "\n".join(findings))


if __name__ == "__main__":
    _PROTOCOL = sys.argv.pop(1)
    unittest.main()
