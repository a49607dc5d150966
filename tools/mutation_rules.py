"""What may be done to a line of C++ so that a test should notice.

Each rule takes the line's code, without its comment, and gives changed lines.
Strings are never touched. Lines that only declare, include or log are left alone.
"""
import re

# A token, and what takes its place.
_TOKENS = [
    ("operator", r" == ", " != "),
    ("operator", r" != ", " == "),
    ("operator", r" < ", " <= "),
    ("operator", r" <= ", " < "),
    ("operator", r" > ", " >= "),
    ("operator", r" >= ", " > "),
    ("operator", r" && ", " || "),
    ("operator", r" \|\| ", " && "),
    ("operator", r" \+ ", " - "),
    ("operator", r" - ", " + "),
    ("operator", r" \+= ", " -= "),
    ("operator", r" -= ", " += "),
    ("operator", r" & ", " | "),
    ("operator", r" \|= ", " &= "),
    ("condition", r"(?<=\()!(?=[a-z_(*])", ""),
    ("condition", r"(?<=; )!(?=[a-z_(*])", ""),
    ("condition", r"(?<=&& )!(?=[a-z_(*])", ""),
    ("condition", r"(?<=\|\| )!(?=[a-z_(*])", ""),
    ("constant", r"\btrue\b", "false"),
    ("constant", r"\bfalse\b", "true"),
    ("constant", r"(?<![\w.])0(?![\w.'])", "1"),
    ("constant", r"(?<![\w.])1(?![\w.'])", "2"),
    ("call", r"\bcontinue;", "break;"),
    ("call", r"\bbreak;", "continue;"),
]
_CONDITION = re.compile(r"^(\s*(?:\} else )?(?:if|while) \()(.+)(\) \{)$")
_CALL = re.compile(r"^(\s+)(?!return|delete|throw|using|case|co_)[\w:.>*()-]+\(.*\);$")
_LEFT_ALONE = re.compile(
    r"^\s*(#|//|\*|static_assert|using |template|namespace|friend |case |default:"
    r"|public:|private:|protected:|explicit |virtual )"
    r"|\b(CHECK|DCHECK|ABSL_|log_?->|Log\(|Note\(|operator)"
)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')


def _blank_strings(line):
    return _STRING.sub(lambda match: '"' + "_" * (len(match[0]) - 2) + '"', line)


def _without_comment(line):
    at = _blank_strings(line).find("//")
    return line if at < 0 else line[:at].rstrip()


def mutations(line):
    """All changes of one line: (kind, changed line), each once."""
    code = _without_comment(line)
    if not code.strip() or _LEFT_ALONE.search(code):
        return []
    visible = _blank_strings(code)
    found = []
    for kind, token, other in _TOKENS:
        for match in re.finditer(token, visible):
            found.append((kind, code[: match.start()] + other + code[match.end() :]))
    condition = _CONDITION.match(code)
    if condition and ";" not in visible and " = " not in visible:
        head, inner, tail = condition.groups()
        found.append(("condition", f"{head}!({inner}){tail}"))
    call = _CALL.match(code)
    if call and " = " not in visible and visible.count("(") == visible.count(")"):
        found.append(("call", call[1] + "(void)0;"))
    unique = []
    for one in found:
        if one[1] != code and one not in unique:
            unique.append(one)
    return unique
