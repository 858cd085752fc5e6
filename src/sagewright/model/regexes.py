"""Users' regexes, matched in bounded time.

RE2 matches in linear time and supports most of them. The rest (look-around, back references) go to `regex` under a deadline.
"""

from __future__ import annotations

from typing import Any

import re2

DEADLINE_S = 0.05
MEMORY_BYTES = 8 << 20


def compile_linear(pattern: str, memory_bytes: int = MEMORY_BYTES) -> Any | None:
    """Returns RE2's object for `pattern`; None if RE2 does not support it, or not within `memory_bytes`.

    It searches `str` or, faster, UTF-8 bytes. The memory bounds the time too: at most about 20 us per byte of text for each MiB.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory_bytes
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError):
        return None


class Guarded:
    """A regex that may backtrack, under a deadline. Raises `regex.error` if it cannot be compiled."""

    def __init__(self, pattern: str) -> None:
        import regex  # few processes need it

        self._compiled: Any = regex.compile(pattern)

    @property
    def groups(self) -> int:
        count: int = self._compiled.groups
        return count

    def search(self, text: str) -> Any | None:
        """Returns the first match. Raises TimeoutError after DEADLINE_S."""
        return self._compiled.search(text, timeout=DEADLINE_S, concurrent=True)

    def fullmatch(self, text: str) -> Any | None:
        """Returns the match of the whole text. Raises TimeoutError after DEADLINE_S."""
        return self._compiled.fullmatch(text, timeout=DEADLINE_S, concurrent=True)
