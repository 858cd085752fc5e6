"""Positions in a JSON text in AWS's notation: the position after the last token that was read.

Source: the messages about event patterns that localstack/localstack recorded on AWS (`test_events_patterns.snapshot.json`).
"""

from __future__ import annotations

import json
import re

Trail = tuple[str | int, ...]
"""Names and positions on the way from the whole document to a value."""

_SPACE = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(r"\w+")
_MOST_SHOWN = 500
_VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_decoder = json.JSONDecoder()


def behind(text: str, trail: Trail, *, whole: bool = False) -> str:
    """Returns the position after the first character of the value at `trail`, or after all of it. `text` is JSON and contains the
    value."""
    start = _start(text, trail)
    end = _end(text, start)
    first = text[start] in '[{"' and not whole
    return described(text, start + 1 if first else end)


def described(text: str, at: int, *, shown: bool = True) -> str:
    """Returns a description of the position `at`, counted from 0; `shown`: includes the text."""
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    if not shown:
        hidden = "REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
        return f"\n at [Source: {hidden}; line: {line}, column: {column}]"
    more = f"[truncated {len(text) - _MOST_SHOWN} chars]" if len(text) > _MOST_SHOWN else ""
    return f'\n at [Source: (String)"{text[:_MOST_SHOWN]}"{more}; line: {line}, column: {column}]'


def fault(text: str, *, shown: bool = True) -> str:
    """Returns the error in an invalid JSON text and its position; `shown`: includes the text."""
    try:
        json.loads(text)
    except json.JSONDecodeError as found:
        error = found
    except RecursionError:
        return "It is nested too deeply."
    else:
        return "It is nested too deeply, or has a number that JSON has not."
    at = error.pos
    if at >= len(text):
        return "Unexpected end-of-input" + described(text, at, shown=shown)
    if error.msg.startswith("Expecting property name"):
        character = text[at]
        message = f"Unexpected character ('{character}' (code {ord(character)})): was expecting double-quote to start field name"
        return message + described(text, at, shown=shown)
    word = _WORD.match(text, at)
    if error.msg.startswith("Expecting value") and word:
        return f"Unrecognized token '{word.group()}': was expecting {_VALUES}{described(text, word.end(), shown=shown)}"
    return f"Unexpected character ('{text[at]}' (code {ord(text[at])})){described(text, at, shown=shown)}"


def _start(text: str, trail: Trail) -> int:
    at = _skip(text, 0)
    for step in trail:
        at = _member(text, at, step) if isinstance(step, str) else _item(text, at, step)
    return at


def _member(text: str, at: int, name: str) -> int:
    """Returns where the value of the last member called `name` begins, in the object that begins at `at`."""
    found, at = -1, _skip(text, at + 1)
    while text[at] != "}":
        key, at = _decoder.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        found = at if key == name else found
        at = _skip(text, _end(text, at))
        at = _skip(text, at + 1) if text[at] == "," else at
    return found


def _item(text: str, at: int, position: int) -> int:
    at = _skip(text, at + 1)
    for _ in range(position):
        at = _skip(text, _skip(text, _end(text, at)) + 1)
    return at


def _end(text: str, at: int) -> int:
    return _decoder.raw_decode(text, at)[1]


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
