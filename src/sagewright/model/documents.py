"""Untrusted JSON documents: policies, manifests, bodies of requests."""

from __future__ import annotations

import re
from typing import Any

import orjson

MOST_DEPTH = 100
"""Maximum nesting depth of lists and objects. Nothing that AWS defines goes so deep, and code that walks documents recurses."""

MOST_MEMORY = 96 << 20
"""Maximum bytes of memory for a document's values: an empty list, three bytes of JSON, takes 64."""
_LIST, _OBJECT, _VALUE = 64, 184, 24
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def read_json(text: str | bytes) -> Any:
    """Parses JSON. Raises ValueError for invalid JSON (also NaN and infinities), for too deep nesting and for too many values."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    memory = _memory(data, 0, len(data))
    if memory > MOST_MEMORY:  # unless the brackets and commas are inside texts
        memory -= sum(_memory(data, *found.span()) for found in _STRING.finditer(data))
        if memory > MOST_MEMORY:
            raise ValueError(f"its values take {memory} bytes in memory; the limit is {MOST_MEMORY}")
    document = orjson.loads(data)
    if data.count(b"[") + data.count(b"{") > MOST_DEPTH and is_deeper(document, MOST_DEPTH):
        raise ValueError(f"lists and objects are nested more than {MOST_DEPTH} deep")
    return document


def _memory(data: bytes, first: int, last: int) -> int:
    """Returns the memory of a part's values without their texts, if all brackets and commas in it were JSON syntax."""
    lists, objects, values = (data.count(sign, first, last) for sign in (b"[", b"{", b","))
    return lists * _LIST + objects * _OBJECT + values * _VALUE


def read_policy(text: str | bytes) -> dict[str, Any]:
    """Parses a policy; its statements become a list of objects. Raises ValueError."""
    policy = read_json(text)
    if not isinstance(policy, dict):
        raise ValueError("it is not a JSON object")
    given = policy.get("Statement", [])
    statements = given if isinstance(given, list) else [given]
    if not all(isinstance(one, dict) for one in statements):
        raise ValueError("a Statement is not an object")
    return policy | {"Statement": statements}


def is_deeper(document: Any, most: int) -> bool:
    """True if lists and maps are nested more than `most` deep."""
    if isinstance(document, dict):
        inner: Any = document.values()
    elif isinstance(document, list):
        inner = document
    else:
        return False
    return most == 0 or any(is_deeper(one, most - 1) for one in inner if isinstance(one, (dict, list)))
