"""Comparing what a stranger sent with what only its rightful sender could know."""

from __future__ import annotations

import hmac


def equal(expected: str, sent: str) -> bool:
    """In a time that tells nothing of where they differ; `sent` may be any text."""
    return hmac.compare_digest(expected.encode("utf-8", "surrogatepass"), sent.encode("utf-8", "surrogatepass"))
