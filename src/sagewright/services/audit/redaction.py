"""Parameters of a request as a record has them: names begin in lower case, secrets are hidden, and sizes are bounded.

Source: AWS CloudTrail's user guide, "CloudTrail record contents": `requestParameters` has at most 100 KB there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sagewright.model.aws.shapes import ListShape, MapShape, Shape, StructureShape

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
MOST_TEXT, MOST_ENTRIES, MOST_VALUES, MOST_DEPTH = 512, 20, 200, 8
"""Characters of a text, entries of a list or map, values of a request, and levels of it."""
_MOST_NUMBER = 2**63
_SECRET = re.compile(
    r"(?i).*(password|passphrase|privatekey|plaintext|keymaterial|authparameters|authorizationtoken|sessiontoken)"
    r"|.*secret(key|accesskey|string|value)?|(api|sse\w*customer)key(value)?|authorization|zipfile"
)
_OF_VARIABLES = re.compile(r"(?i)environment(variables)?|variables")
"""Maps whose values may be secrets of a program."""


class Redactor:
    """Redacts one request; counts the values that it lets through."""

    def __init__(self) -> None:
        self._left = MOST_VALUES

    def redacted(self, value: Any, shape: Shape | None, depth: int = 0) -> Any:
        self._left -= 1
        if isinstance(value, str):
            return value if len(value) <= MOST_TEXT else f"{value[:MOST_TEXT]}… ({len(value)} characters)"
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return value if abs(value) < _MOST_NUMBER else str(value)[:MOST_TEXT]
        if isinstance(value, Mapping):
            return self._mapping(value, shape, depth)
        if isinstance(value, list | tuple):
            if self._left <= 0 or depth >= MOST_DEPTH:
                return f"({len(value)} entries)"
            of = shape.member if isinstance(shape, ListShape) else None
            kept = [self.redacted(one, of, depth + 1) for one in value[:MOST_ENTRIES] if self._left > 0]
            return kept if len(kept) == len(value) else [*kept, f"… ({len(value)} entries)"]
        if isinstance(value, bytes | bytearray | memoryview):
            return f"({len(value)} bytes)"
        return value.isoformat() if hasattr(value, "isoformat") else "(a stream)"

    def _mapping(self, value: Mapping[str, Any], shape: Shape | None, depth: int) -> Any:
        if self._left <= 0 or depth >= MOST_DEPTH:
            return f"({len(value)} members)"
        if isinstance(shape, MapShape):
            return self._map(value, shape, depth)
        members = shape.members if isinstance(shape, StructureShape) else {}
        kept: dict[str, Any] = {}
        for name, one in value.items():
            if len(kept) >= MOST_ENTRIES * 3:
                break
            of = members.get(name)
            shown = HIDDEN if _is_secret(name, of) else self.redacted(one, of, depth + 1)
            kept[_lowered(name)] = shown
        return kept

    def _map(self, value: Mapping[str, Any], shape: MapShape, depth: int) -> dict[str, Any]:
        hides = _OF_VARIABLES.fullmatch(shape.name.rpartition(".")[2]) or "Environment" in shape.name
        kept = {}
        for name, one in list(value.items())[:MOST_ENTRIES]:
            secret = hides or _SECRET.fullmatch(str(name)[:MOST_TEXT])
            kept[str(name)[:MOST_TEXT]] = HIDDEN if secret else self.redacted(one, shape.value, depth + 1)
        return kept


def _is_secret(name: str, shape: Shape | None) -> bool:
    if shape is None:
        return _SECRET.fullmatch(name) is not None
    return _is_secret_member(name, shape)


@lru_cache(4096)
def _is_secret_member(name: str, shape: Shape) -> bool:
    return bool(shape.metadata.get("sensitive")) or _SECRET.fullmatch(name) is not None


@lru_cache(4096)
def _lowered(name: str) -> str:
    """Returns a member's name as records have it: `trainingJobName`, `sSEAlgorithm`."""
    return name[:1].lower() + name[1:]
