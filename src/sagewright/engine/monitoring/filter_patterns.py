"""CloudWatch's filter patterns: terms, a regex, conditions on JSON, and conditions on space-delimited fields.

Source: "Filter pattern syntax" (CloudWatch Logs user guide).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from sagewright.engine.monitoring.filter_conditions import (
    DELIMITED,
    JSON,
    MISSING,
    MOST_REGEXES,
    ConditionReader,
    regex_of,
    wrong,
)

Filter = Callable[[str], bool]
Fields = Callable[[str, str], Any]
"""Returns the value of a message for a selector, `$.a.b` or `$name`; MISSING if there is none."""

_TERM = re.compile(r'([-?]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')
_STEP = re.compile(r"""\[(\d+)\]|\[(?:'([^']*)'|"([^"]*)")\]|\.([\w-]+)""")
_FIELD = re.compile(r'\[[^\]]*\]|"[^"]*"|\S+')
_NAME = re.compile(r"[A-Za-z_][\w-]*|\d+")
_PARTS = re.compile(r'(?:[^,"%]|"(?:[^"\\]|\\.)*"|%[^%]*%)+')


def compile_filter(pattern: str) -> Filter:
    """Returns a function that reports whether a message matches. Raises InvalidParameterException for an invalid pattern."""
    pattern = pattern.strip()
    if not pattern:
        return lambda _message: True
    if pattern[0] == "{":
        return _json_filter(pattern)
    if pattern[0] == "[":
        return _delimited_filter(pattern)
    if pattern[0] == "%" and pattern.count("%") == 2 and pattern[-1] == "%":
        regex = regex_of(pattern, pattern)
        return lambda message: regex.search(message) is not None
    return _terms_filter(pattern)


def compile_fields(pattern: str) -> Fields:
    """Returns a function that reads selectors from messages, in the grammar of a pattern that `compile_filter` accepts."""
    pattern = pattern.strip()
    if pattern.startswith("["):
        names = _names_of(pattern)
        return lambda message, selector: (_named(names, _FIELD.findall(message)) or {}).get(selector[1:], MISSING)
    return _of_json


def selectors_of(pattern: str) -> list[str]:
    """Returns the fields that a pattern uses, as selectors, each once."""
    pattern = pattern.strip()
    if pattern.startswith("["):
        return [f"${name}" for name in _names_of(pattern) if name != "..."]
    if not pattern.startswith("{"):
        return []
    conditions = ConditionReader(pattern, pattern[1:-1], JSON)
    conditions.compile()
    return list(dict.fromkeys(conditions.fields))


def _of_json(message: str, selector: str) -> Any:
    try:
        return _found(orjson.loads(message), _path(selector))
    except orjson.JSONDecodeError:
        return MISSING


def _names_of(pattern: str) -> list[str]:
    """Returns the fields of a delimited pattern in order, including the ellipsis."""
    parts = [part.strip() for part in _PARTS.findall(pattern[1:-1])]
    return [part if part == "..." or _NAME.fullmatch(part) else _name_of(pattern, part) for part in parts]


def _name_of(pattern: str, part: str) -> str:
    conditions = ConditionReader(pattern, part, DELIMITED)
    conditions.compile()
    return conditions.fields[0]


def _terms_filter(pattern: str) -> Filter:
    optional: list[str] = []
    needed: list[str] = []
    forbidden: list[str] = []
    for sign, quoted, plain in _TERM.findall(pattern):
        term = quoted.replace('\\"', '"') if quoted else plain
        {"?": optional, "-": forbidden, "": needed}[sign].append(term)

    def matches(message: str) -> bool:
        if any(term in message for term in forbidden) or not all(term in message for term in needed):
            return False
        return not optional or any(term in message for term in optional)

    return matches


def _json_filter(pattern: str) -> Filter:
    if pattern[-1] != "}":
        raise wrong(pattern, "it does not end with }")
    conditions = ConditionReader(pattern, pattern[1:-1], JSON)
    test = conditions.compile()
    paths = {selector: _path(selector) for selector in conditions.fields}

    def matches(message: str) -> bool:
        if not message.lstrip().startswith("{"):
            return False
        try:
            document = orjson.loads(message)
        except orjson.JSONDecodeError:
            return False
        return test(lambda selector: _found(document, paths[selector]))

    return matches


def _path(selector: str) -> list[str | int]:
    """Returns the keys and positions that lead from an event to the field of a selector like `$.users[0].['e.mail']`."""
    steps: list[str | int] = []
    for position, single, double, key in _STEP.findall(selector):
        steps.append(int(position) if position else single or double or key)
    return steps


def _found(document: Any, path: list[str | int]) -> Any:
    for step in path:
        if isinstance(step, int):
            if not isinstance(document, list) or step >= len(document):
                return MISSING
            document = document[step]
        elif not isinstance(document, dict) or step not in document:
            return MISSING
        else:
            document = document[step]
    return document


def _delimited_filter(pattern: str) -> Filter:
    if pattern[-1] != "]":
        raise wrong(pattern, "it does not end with ]")
    parts = [part.strip() for part in _PARTS.findall(pattern[1:-1])]
    if parts.count("...") > 1:
        raise wrong(pattern, "it has more than one ellipsis")
    names, tests, regexes = [], [], 0
    for part in parts:
        if part == "..." or _NAME.fullmatch(part):
            names.append(part)
            continue
        conditions = ConditionReader(pattern, part, DELIMITED)
        tests.append(conditions.compile())
        names.append(conditions.fields[0])
        regexes += conditions.regexes
        if set(conditions.fields) != {names[-1]}:
            raise wrong(pattern, f"{part} is about more than one field")
    if regexes > MOST_REGEXES:
        raise wrong(pattern, f"it has more than {MOST_REGEXES} regexes")

    def matches(message: str) -> bool:
        fields = _named(names, _FIELD.findall(message))
        return fields is not None and all(test(lambda name: fields.get(name, MISSING)) for test in tests)

    return matches


def _named(names: list[str], values: list[str]) -> dict[str, str] | None:
    """Returns the fields of a message by name; None if their number differs."""
    values = [value[1:-1] if len(value) > 1 and value[0] + value[-1] in {"[]", '""'} else value for value in values]
    if "..." not in names:
        return dict(zip(names, values, strict=True)) if len(names) == len(values) else None
    at = names.index("...")
    after = len(names) - at - 1
    if len(values) < at + after:
        return None
    head = dict(zip(names[:at], values[:at], strict=True))
    return head | dict(zip(names[at + 1 :], values[len(values) - after :], strict=True))
