"""The protocol as Python sees it: farpoll's proto files with their comments.

Walks a FileDescriptorSet that was made with --include_source_info and gives
every declaration its name, its comment and its place.
"""
import collections

from google.protobuf import descriptor_pb2

# One declaration. `descriptor` is the FooDescriptorProto, `comment` the text of
# the comment above it ("" without one), `line` counts from 1.
Declaration = collections.namedtuple(
    "Declaration", "kind name descriptor comment file line")

_FILE = descriptor_pb2.FileDescriptorProto.DESCRIPTOR.fields_by_name
_MESSAGE = descriptor_pb2.DescriptorProto.DESCRIPTOR.fields_by_name
_ENUM = descriptor_pb2.EnumDescriptorProto.DESCRIPTOR.fields_by_name
_SERVICE = descriptor_pb2.ServiceDescriptorProto.DESCRIPTOR.fields_by_name

# Options of farpoll/v1/verb.proto.
_METHOD_VERB = 50412
_FIELD_VERB = 50413

# kind -> the lists of declarations inside it: (list's field, kind of each).
_INSIDE = {
    "file": [(_FILE["service"], "service"), (_FILE["message_type"], "message"),
             (_FILE["enum_type"], "enum")],
    "service": [(_SERVICE["method"], "method")],
    "message": [(_MESSAGE["field"], "field"), (_MESSAGE["oneof_decl"], "oneof"),
                (_MESSAGE["nested_type"], "message"),
                (_MESSAGE["enum_type"], "enum")],
    "enum": [(_ENUM["value"], "value")],
}


def load(path):
    """Reads the FileDescriptorSet in the file `path`."""
    descriptors = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as data:
        descriptors.ParseFromString(data.read())
    return descriptors


def own_files(descriptors):
    """The files of package farpoll, in order of their names."""
    return sorted((file for file in descriptors.file
                   if file.package.startswith("farpoll.")),
                  key=lambda file: file.name)


def verbs(declaration):
    """The verbs that a method, or setting a field, takes (verb.proto)."""
    return [option.data.decode()
            for option in declaration.descriptor.options.UnknownFields()
            if option.field_number in (_METHOD_VERB, _FIELD_VERB)]


def declarations(file):
    """Everything declared in `file`, outer before inner, in source order."""
    places = {tuple(location.path): location
              for location in file.source_code_info.location}
    found = []
    _walk(file, "file", file.package, (), file.name, places, found)
    return sorted(found, key=lambda declaration: declaration.line)


def _walk(parent, kind, prefix, path, file_name, places, found):
    for field, inner_kind in _INSIDE.get(kind, ()):
        for index, inner in enumerate(getattr(parent, field.name)):
            if _is_synthetic(parent, inner_kind, index):
                continue
            inner_path = path + (field.number, index)
            place = places.get(inner_path)
            name = "%s.%s" % (prefix, inner.name)
            found.append(Declaration(
                inner_kind, name, inner,
                place.leading_comments.strip() if place else "", file_name,
                place.span[0] + 1 if place else 0))
            _walk(inner, inner_kind, name, inner_path, file_name, places, found)


def _is_synthetic(message, kind, index):
    """Whether protoc made it itself: the oneof of an `optional` field, or the
    entry of a map."""
    if kind == "message":
        return hasattr(message, "nested_type") and message.nested_type[
            index].options.map_entry
    return kind == "oneof" and any(
        field.proto3_optional and field.oneof_index == index
        for field in message.field)
