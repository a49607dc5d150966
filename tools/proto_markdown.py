"""Messages and enums of one proto package as sections of Markdown."""
import re

from google.protobuf import descriptor_pb2

from tools import descriptors

_FIELD = descriptor_pb2.FieldDescriptorProto


def anchor(text):
    """The link target that a heading gets."""
    return re.sub(r"[^a-z0-9-]", "", text.lower().replace(" ", "-"))


def prose(comment):
    """A comment as paragraphs, with "Errors:" on a paragraph of its own."""
    text = "\n".join(line.strip() for line in comment.splitlines())
    return re.sub(r"\n*^(Errors[^:\n]*:)", r"\n\n**\1**", text,
                  flags=re.MULTILINE).lstrip() + "\n"


def inside(parent, declared, kind):
    """The declarations of `kind` directly in `parent`."""
    return [d for d in declared
            if d.kind == kind and d.name.rpartition(".")[0] == parent.name]


class Package:
    """Renders what is declared in the package `name`."""

    def __init__(self, name, declared):
        self._prefix = name + "."
        self._declared = declared

    def short(self, declaration):
        """A declaration's name without the package."""
        return declaration.name[len(self._prefix):]

    def link(self, type_name):
        """A type's name, as a link to its section if it is of the package."""
        name = type_name.lstrip(".")
        if not name.startswith(self._prefix):
            return "`%s`" % name
        short = name[len(self._prefix):]
        return "[%s](#%s)" % (short, anchor(short))

    def section(self, one):
        """A message or an enum with a table of what is in it."""
        parts = ["### %s\n" % self.short(one), prose(one.comment)]
        rows = (self._field_rows(one) if one.kind == "message"
                else self._value_rows(one))
        if len(rows) > 2:
            parts.append("\n".join(rows) + "\n")
        return "\n".join(parts)

    def _field_rows(self, message):
        rows = ["| # | field | type | |", "| --- | --- | --- | --- |"]
        oneofs = message.descriptor.oneof_decl
        for field in inside(message, self._declared, "field"):
            proto = field.descriptor
            text = _cell(field.comment)
            if proto.HasField("oneof_index") and not proto.proto3_optional:
                text = "*one of `%s`:* %s" % (
                    oneofs[proto.oneof_index].name, text)
            verbs = descriptors.verbs(field)
            if verbs:
                text += " *Takes:* " + ", ".join("`%s`" % v for v in verbs)
            rows.append("| %d | `%s` | %s | %s |" % (
                proto.number, proto.name, self._field_type(proto), text))
        return rows

    def _field_type(self, field):
        # protoc's own name for the entries of a map.
        entry = field.name.title().replace("_", "") + "Entry"
        if field.type_name.endswith("." + entry):
            return "map"
        kind = (self.link(field.type_name) if field.type_name
                else _FIELD.Type.Name(field.type)[len("TYPE_"):].lower())
        if field.label == _FIELD.LABEL_REPEATED:
            return "repeated " + kind
        return "optional " + kind if field.proto3_optional else kind

    def _value_rows(self, enum):
        rows = ["| # | value | |", "| --- | --- | --- |"]
        for value in inside(enum, self._declared, "value"):
            rows.append("| %d | `%s` | %s |" % (
                value.descriptor.number, value.descriptor.name,
                _cell(value.comment)))
        return rows


def _cell(comment):
    return " ".join(comment.split()).replace("|", "\\|")
