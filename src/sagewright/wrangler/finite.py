"""Answers and reports as JSON, which has no NaN and no infinity."""

from __future__ import annotations

import json
import math
from typing import Any


def written(document: Any) -> bytes:
    """Returns a document as JSON, with null for each number that JSON can't represent."""
    try:
        text = json.dumps(document, allow_nan=False, ensure_ascii=False, default=str)
    except ValueError:
        text = json.dumps(_finite(document), allow_nan=False, ensure_ascii=False, default=str)
    return text.encode(errors="replace")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
