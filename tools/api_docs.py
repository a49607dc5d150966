#!/usr/bin/python3
"""Writes docs/api.md from the comments of proto/farpoll/v1.

  ./bazelw run //tools:api_docs               rewrites docs/api.md
  api_docs DESCRIPTOR_SET --check docs/api.md  fails when it is out of date
"""
import sys

from tools import descriptors
from tools import document
from tools import proto_markdown

REGENERATE = "./bazelw run //tools:api_docs"
_HEADER = """\
# The farpoll.v1 API

Made from the comments in `proto/farpoll/v1` by `%s`; change them there.

A failed call carries a [StatusDetail](#statusdetail) in its trailing metadata,
under `grpc-status-details-bin`. Spans are `google.protobuf.Duration`. Ids are
never used twice.
""" % REGENERATE


def render(descriptor_set):
    """Returns the whole document as text."""
    declared = [declaration
                for file in descriptors.own_files(descriptor_set)
                for declaration in descriptors.declarations(file)]
    package = proto_markdown.Package("farpoll.v1", declared)
    services = [d for d in declared if d.kind == "service"]
    types = sorted((d for d in declared if d.kind in ("message", "enum")),
                   key=package.short)
    parts = [_HEADER, "## Contents\n"]
    parts += [_contents(service) for service in services]
    parts.append("- [Messages and enums](#messages-and-enums)\n")
    parts += [_service(service, declared, package) for service in services]
    parts.append("## Messages and enums\n")
    parts += [package.section(one) for one in types]
    return "\n".join(parts)


def _contents(service):
    name = service.descriptor.name
    methods = ", ".join(
        "[%s](#%s)" % (m.name, proto_markdown.anchor(name + m.name))
        for m in service.descriptor.method)
    return "- [%s](#%s): %s" % (name, proto_markdown.anchor(name), methods)


def _service(service, declared, package):
    parts = ["## %s\n" % service.descriptor.name,
             proto_markdown.prose(service.comment)]
    for method in proto_markdown.inside(service, declared, "method"):
        proto = method.descriptor
        parts.append("### %s.%s\n" % (service.descriptor.name, proto.name))
        parts.append("%s%s → %s%s\n" % (
            "stream of " if proto.client_streaming else "",
            package.link(proto.input_type),
            "stream of " if proto.server_streaming else "",
            package.link(proto.output_type)))
        parts.append("Takes the verbs of the server's policy: %s\n" % ", ".join(
            "`%s`" % verb for verb in descriptors.verbs(method)))
        parts.append(proto_markdown.prose(method.comment))
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(document.main(render, "docs/api.md", REGENERATE))
