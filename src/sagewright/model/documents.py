"""JSON documents by strangers: policies, manifests, bodies of requests."""

from __future__ import annotations

from typing import Any

import orjson

MOST_DEPTH = 100
"""How deeply lists and objects may stand in each other. Nothing that AWS defines goes so far; code that walks them does."""


def read_json(text: str | bytes) -> Any:
    """Raises ValueError for what is no JSON, NaN and infinities among it, and for what is nested too deeply."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    document = orjson.loads(data)
    if data.count(b"[") + data.count(b"{") > MOST_DEPTH and is_deeper(document, MOST_DEPTH):
        raise ValueError(f"lists and objects are nested more than {MOST_DEPTH} deep")
    return document


def read_policy(text: str | bytes) -> dict[str, Any]:
    """A policy with its statements as a list of objects. Raises ValueError for what is none."""
    policy = read_json(text)
    if not isinstance(policy, dict):
        raise ValueError("it is not a JSON object")
    given = policy.get("Statement", [])
    statements = given if isinstance(given, list) else [given]
    if not all(isinstance(one, dict) for one in statements):
        raise ValueError("a Statement is not an object")
    return policy | {"Statement": statements}


def is_deeper(document: Any, most: int) -> bool:
    """Whether lists and maps stand in each other more than `most` deep."""
    if isinstance(document, dict):
        inner: Any = document.values()
    elif isinstance(document, list):
        inner = document
    else:
        return False
    return most == 0 or any(is_deeper(one, most - 1) for one in inner if isinstance(one, (dict, list)))
