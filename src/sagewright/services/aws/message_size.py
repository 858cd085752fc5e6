"""Message size as SQS and SNS count it. Source: AWS's API reference, Amazon SQS, SendMessage: names, types and values of the
attributes count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def message_bytes(text: str, attributes: Mapping[str, Mapping[str, Any]] | None) -> int:
    """Returns the size in UTF-8 of the text and of each attribute's name, type and value."""
    total = len(text.encode())
    for name, value in (attributes or {}).items():
        given = value.get("BinaryValue") or str(value.get("StringValue", "")).encode()
        total += len(name.encode()) + len(str(value.get("DataType", "")).encode()) + len(given)
    return total
