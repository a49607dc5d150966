#!/usr/bin/python3
"""Keeps names and comments of farpoll's protocol in order.

  ./bazelw run //tools:proto_lint

Prints one line a finding, as FILE:LINE: NAME: RULE, and fails if there is any.
"""
import re
import sys

from tools import descriptors

_LOWER_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_UPPER_SNAKE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_CAMEL = re.compile(r"([A-Z][a-z0-9]*)+")
# Not usable as names in C++: a generated accessor of a message, a macro, and
# keywords.
_FORBIDDEN_FIELDS = frozenset(
    "descriptor errno register class default delete operator signed".split())
# Codes that a method's comment may name, beside words for errno and reason.
_STATUS_CODES = frozenset("""
    CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND
    ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION
    ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS
    UNAUTHENTICATED""".split())
# Methods whose only errors are those that the service's comment names for all.
_COMMON_ERRORS = "Errors of every method:"
_ERRORS = "Errors:"


def lint(descriptor_set):
    """Returns the findings over all of farpoll's files, in source order."""
    findings = []
    for file in descriptors.own_files(descriptor_set):
        declared = descriptors.declarations(file)
        for declaration in declared:
            for rule in _broken_rules(declaration):
                findings.append("%s:%d: %s: %s" % (
                    declaration.file, declaration.line, declaration.name, rule))
        for service in (d for d in declared if d.kind == "service"):
            findings.extend(_undocumented_errors(service, declared))
    return findings


def _broken_rules(declaration):
    if not declaration.comment:
        yield "has no comment"
    check = {"field": _field_rules, "enum": _enum_rules, "value": _value_rules,
             "message": _camel_rules, "service": _service_rules,
             "oneof": _snake_rules}.get(declaration.kind)
    if check:
        yield from check(declaration)
    if declaration.kind == "method":
        yield from _method_rules(declaration)


def _snake_rules(declaration):
    if not _LOWER_SNAKE.fullmatch(declaration.descriptor.name):
        yield "is not in lower_snake_case"


def _camel_rules(declaration):
    if not _CAMEL.fullmatch(declaration.descriptor.name):
        yield "is not in CamelCase"


def _field_rules(declaration):
    yield from _snake_rules(declaration)
    if declaration.descriptor.name in _FORBIDDEN_FIELDS:
        yield "is a name that C++ does not allow"


def _service_rules(declaration):
    yield from _camel_rules(declaration)
    if not declaration.descriptor.name.endswith("Service"):
        yield "does not end in Service"


def _enum_rules(declaration):
    yield from _camel_rules(declaration)
    enum = declaration.descriptor
    prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", enum.name).upper() + "_"
    for value in enum.value:
        if not value.name.startswith(prefix):
            yield "%s does not start with %s" % (value.name, prefix)
    zero = enum.value[0]
    if zero.number != 0 or zero.name != prefix + "UNSPECIFIED":
        yield "does not start with %sUNSPECIFIED = 0" % prefix


def _value_rules(declaration):
    if not _UPPER_SNAKE.fullmatch(declaration.descriptor.name):
        yield "is not in UPPER_SNAKE_CASE"


def _method_rules(declaration):
    yield from _camel_rules(declaration)
    method = declaration.descriptor
    for type_name, suffix in ((method.input_type, "Request"),
                              (method.output_type, "Response")):
        if type_name.rsplit(".", 1)[-1] != method.name + suffix:
            yield "does not use %s%s" % (method.name, suffix)


def _undocumented_errors(service, declared):
    """Methods that say nothing of their errors, and errors without a code."""
    common = _COMMON_ERRORS in service.comment
    for method in declared:
        if (method.kind != "method" or
                not method.name.startswith(service.name + ".")):
            continue
        place = "%s:%d: %s: " % (method.file, method.line, method.name)
        _, said, errors = method.comment.partition(_ERRORS)
        if said:
            words = set(re.findall(r"[A-Z_]{4,}", errors))
            if not words & _STATUS_CODES and "as " not in errors.lower():
                yield place + "names no status code after " + _ERRORS
        elif not common and "Needs no session" not in method.comment:
            yield place + "does not name its errors"


def main():
    findings = lint(descriptors.load(sys.argv[1]))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
