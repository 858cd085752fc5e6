"""Constant-time comparison of secrets."""

from __future__ import annotations

import hmac


def equal(expected: str, sent: str) -> bool:
    """Compares in constant time; `sent` may be any text."""
    if expected.isascii() and sent.isascii():
        return hmac.compare_digest(expected, sent)
    return hmac.compare_digest(expected.encode("utf-8", "surrogatepass"), sent.encode("utf-8", "surrogatepass"))
