#!/usr/bin/python3
"""Writes docs/configuration.md from the comments of proto/farpoll/config/v1.

  ./bazelw run //tools:config_docs      rewrites docs/configuration.md
  config_docs DESCRIPTOR_SET --check docs/configuration.md
                                        fails when it is out of date
"""
import sys

from tools import descriptors
from tools import document
from tools import proto_markdown

REGENERATE = "./bazelw run //tools:config_docs"
_HEADER = """\
# The configuration file

Made from the comments in `proto/farpoll/config/v1` by `%s`; change them there.

`farpolld --config FILE` reads it at the start; `--check-config FILE` only says
whether it is good, and exits with 1 if it is not. It is text in protobuf's text
format: `field: value`, `message { ... }`, `#` for comments. A mistake is told as
`FILE:LINE:COLUMN: what is wrong and what was expected`. The file must be a
regular one that its owner alone can write.

On SIGHUP it is read again. A good one decides from then on, of everything that
is asked, also by clients that were there before; what they made stays theirs.
Of a bad one every mistake is logged (`policy.rejected`), and the old one stays
in force.

[examples/config/farpolld.cfg](../examples/config/farpolld.cfg) is a whole one.
[security.md](security.md) says what the rules protect from.

## Messages
""" % REGENERATE


def render(descriptor_set):
    """Returns the whole document as text: messages from the outside in."""
    declared = [declaration
                for file in descriptors.own_files(descriptor_set)
                for declaration in descriptors.declarations(file)]
    package = proto_markdown.Package("farpoll.config.v1", declared)
    return "\n".join([_HEADER] + [package.section(one) for one in declared
                                  if one.kind in ("message", "enum")])


if __name__ == "__main__":
    sys.exit(document.main(render, "docs/configuration.md", REGENERATE))
