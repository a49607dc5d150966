#!/usr/bin/python3
"""Writes docs/api.md from the comments of proto/farpoll/v1.

  ./bazelw run //tools:api_docs               rewrites docs/api.md
  api_docs DESCRIPTOR_SET --check docs/api.md  fails when it is out of date
"""
import argparse
import os
import re
import sys

from google.protobuf import descriptor_pb2
from tools import descriptors

REGENERATE = "./bazelw run //tools:api_docs"
_FIELD = descriptor_pb2.FieldDescriptorProto
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
    services = [d for d in declared if d.kind == "service"]
    types = sorted((d for d in declared if d.kind in ("message", "enum")),
                   key=_short)
    parts = [_HEADER, "## Contents\n"]
    parts += [_contents(service) for service in services]
    parts.append("- [Messages and enums](#messages-and-enums)\n")
    parts += [_service(service, declared) for service in services]
    parts.append("## Messages and enums\n")
    parts += [_type(one, declared) for one in types]
    return "\n".join(parts)


def _short(declaration):
    return declaration.name[len("farpoll.v1."):]


def _anchor(text):
    return re.sub(r"[^a-z0-9-]", "", text.lower().replace(" ", "-"))


def _link(type_name):
    name = type_name.lstrip(".")
    if not name.startswith("farpoll.v1."):
        return "`%s`" % name
    short = name[len("farpoll.v1."):]
    return "[%s](#%s)" % (short, _anchor(short))


def _prose(comment):
    """A comment as paragraphs, with "Errors:" on a paragraph of its own."""
    text = "\n".join(line.strip() for line in comment.splitlines())
    return re.sub(r"\n*^(Errors[^:\n]*:)", r"\n\n**\1**", text,
                  flags=re.MULTILINE).lstrip() + "\n"


def _cell(comment):
    return " ".join(comment.split()).replace("|", "\\|")


def _inside(parent, declared, kind):
    return [d for d in declared
            if d.kind == kind and d.name.rpartition(".")[0] == parent.name]


def _contents(service):
    name = service.descriptor.name
    methods = ", ".join("[%s](#%s)" % (m.name, _anchor(name + m.name))
                        for m in service.descriptor.method)
    return "- [%s](#%s): %s" % (name, _anchor(name), methods)


def _service(service, declared):
    parts = ["## %s\n" % service.descriptor.name, _prose(service.comment)]
    for method in _inside(service, declared, "method"):
        proto = method.descriptor
        parts.append("### %s.%s\n" % (service.descriptor.name, proto.name))
        parts.append("%s%s → %s%s\n" % (
            "stream of " if proto.client_streaming else "",
            _link(proto.input_type),
            "stream of " if proto.server_streaming else "",
            _link(proto.output_type)))
        parts.append(_prose(method.comment))
    return "\n".join(parts)


def _type(one, declared):
    parts = ["### %s\n" % _short(one), _prose(one.comment)]
    rows = (_field_rows(one, declared) if one.kind == "message"
            else _value_rows(one, declared))
    if len(rows) > 2:
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def _field_rows(message, declared):
    rows = ["| # | field | type | |", "| --- | --- | --- | --- |"]
    oneofs = message.descriptor.oneof_decl
    for field in _inside(message, declared, "field"):
        proto = field.descriptor
        text = _cell(field.comment)
        if proto.HasField("oneof_index") and not proto.proto3_optional:
            text = "*one of `%s`:* %s" % (oneofs[proto.oneof_index].name, text)
        rows.append("| %d | `%s` | %s | %s |" % (
            proto.number, proto.name, _field_type(proto), text))
    return rows


def _field_type(field):
    kind = (_link(field.type_name) if field.type_name
            else _FIELD.Type.Name(field.type)[len("TYPE_"):].lower())
    if field.label == _FIELD.LABEL_REPEATED:
        return "repeated " + kind
    return "optional " + kind if field.proto3_optional else kind


def _value_rows(enum, declared):
    rows = ["| # | value | |", "| --- | --- | --- |"]
    for value in _inside(enum, declared, "value"):
        rows.append("| %d | `%s` | %s |" % (
            value.descriptor.number, value.descriptor.name,
            _cell(value.comment)))
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("descriptor_set")
    parser.add_argument("--check", metavar="FILE")
    args = parser.parse_args()
    text = render(descriptors.load(args.descriptor_set))
    if args.check:
        with open(args.check) as current:
            if current.read() == text:
                return 0
        print("%s is out of date; run %s" % (args.check, REGENERATE))
        return 1
    root = os.environ.get("BUILD_WORKSPACE_DIRECTORY", ".")
    with open(os.path.join(root, "docs/api.md"), "w") as out:
        out.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
